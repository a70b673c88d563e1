"""Protocol files with a mistake each: the line that is to be named ends in ``# <- `` and what is said of it."""

from __future__ import annotations

WRONG = {
    "a condition that is none": """
  - {id: a, kind: note, text: t, when: x = 1}  # <- is no condition
""",
    "a condition on nothing": """
  - {id: out, kind: question, text: t}
  - id: b
    kind: note
    text: t
    when: oud == 1  # <- 'oud' is no variable; did you mean 'out'?
""",
    "a name in a text": """
  - id: a
    kind: note
    text:
      en: fine
      zh: '{nobody}'  # <- 'nobody' is no variable
""",
    "a brace": """
  - id: a
    kind: note
    text: '{Nobody}'  # <- brace
""",
    "a report about nothing": """
  - {id: a, kind: movie, clip: x}
  - id: b
    kind: review
    about: c  # <- there is no step 'c' here
""",
    "a review of what is not recorded": """
  - {id: a, kind: movie, clip: x, record: false}
  - id: b
    kind: review
    about: a  # <- not recorded
""",
    "a review before the film": """
  - id: b
    kind: review
    about: a  # <- comes after
  - {id: a, kind: movie, clip: x}
""",
    "a report about a text": """
  - {id: a, kind: note, text: x}
  - id: b
    kind: review
    about: a  # <- no movie step
""",
    "a step of another loop": """
  - {kind: loop, id: l, items: [x, y], steps: [{id: a, kind: movie, clip: x}]}
  - id: b
    kind: review
    about: a  # <- no step 'a' here
""",
    "a value never shown": """
  - {id: a, kind: note, text: x}
  - id: b
    kind: assign
    variable: v
    values: [x, y]
    hidden_until: a  # <- comes before
""",
    "balanced within nothing": """
  - id: b
    kind: assign
    variable: v
    values: [x, y]
    within: [w]  # <- 'w' is no variable
""",
    "two equal items": """
  - kind: loop  # <- two items have the id x
    id: l
    items: [x, X]
    steps: [{id: a, kind: note, text: x}]
""",
    "no items": """
  - kind: loop  # <- one item
    id: l
    items: []
    steps: [{id: a, kind: note, text: x}]
""",
    "ids that meet": """
  - {kind: loop, id: l, items: [b_c], steps: [{id: a, kind: note, text: x}]}
  - kind: loop
    id: k
    items: [c]
    steps:
      - kind: note
        id: a_b  # <- two steps have the id a_b_c
        text: x
""",
    "an unknown key deep inside": """
  - kind: loop
    id: l
    items: [x]
    steps:
      - kind: block
        id: k
        steps:
          - id: a  # <- text
            kind: note
            txt: x
""",
    "a value that does not fit": """
  - kind: loop
    id: l
    items: [x, maybe]
    steps:
      - id: a
        kind: question
        text: t
        expected: '{item}'  # <- once its loop has filled it in
""",
    "roaming alone": """
  - kind: block  # <- must stay
    id: l
    roam: [a]
    steps: [{id: a, kind: note, text: x}]
""",
    "roaming strangers": """
  - kind: block  # <- 'b' is no step
    id: l
    roam: [b]
    steps: [{id: a, kind: note, text: x}]
""",
    "a buffer that is none": """
  - kind: loop  # <- none of the items
    id: l
    buffer: z
    items: [x]
    steps: [{id: a, kind: note, text: x}]
""",
    "a list that is none": """
  - kind: loop
    id: l
    items: '{things}'  # <- no list
    steps: [{id: a, kind: note, text: x}]
""",
    "too many": """
  - kind: loop
    id: l
    items: [x, y]
    repeat: 1000
    steps:
      - kind: loop
        id: k
        items: [x, y]
        repeat: 1000
        steps:
          - {id: a, kind: note, text: x}  # <- more than 5000 steps
""",
    "texts that grow": """
  - kind: loop
    id: l
    items: [{id: x, long: "LONG"}]
    repeat: 500
    steps:
      - {id: a, kind: note, text: '{long}'}  # <- more than 1000000 characters
""",
    "a built-in name": """
  - id: a
    kind: assign
    values: [x, y]
    variable: session  # <- not to be assigned
""",
    "one name for two answers": """
  - {id: a_b, kind: question, text: t}
  - id: a  # <- {a_b}
    kind: form
    questions: [{id: b, text: t}]
""",
    "an id that is too long": """
  - kind: loop
    id: l
    items: [xxxxxxxxxxxxxxxxxxxxxxxxxxxxxx]
    steps:
      - kind: note  # <- longer than 64
        text: t
        id: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy
""",
}
