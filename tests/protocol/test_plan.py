"""From a file to the steps of one session: blocks, loops, references, and every mistake told with its line."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labcapture.core.config import parse_yaml
from labcapture.core.errors import BadInput
from labcapture.protocol.model import Protocol
from labcapture.protocol.plan import Plan, expected_lengths, make_plan
from labcapture.protocol.steps import Form, Movie, Question, Review
from tests.protocol.wrong_protocols import WRONG

ROOT = Path(__file__).parents[2]
HEAD = "name: p\ntitle: P\nparadigm: none\nsteps:\n"
CLIPS = """
  - kind: loop
    id: clips
    order: shuffled
    items:
      - {id: one, clip: c1, emotion: fear, word: {en: dog, zh: 狗}}
      - {id: two, clip: c2, emotion: joy, word: {en: cat, zh: 猫}}
      - {id: three, clip: c3, emotion: fear, word: {en: cow, zh: 牛}}
      - {id: four, clip: c4, emotion: joy, word: {en: hen, zh: 鸡}}
    steps:
      - {id: clip, kind: movie, clip: "{clip}"}
      - id: report
        kind: form
        about: clip
        when: emotion != 'joy'
        questions: [{id: fear, text: {en: "Fear of the {word}? {{{pay}}}", zh: "{word}？"}}]
      - {id: talk, kind: interview, writes: text, text: "You said {report_fear}", when: report_fear > 2}
      - {id: review, kind: review, about: clip, speed: 2}
"""
FILE = HEAD.replace(
    "steps:", "languages: [en, zh]\nledger: {variable: pay, start: 85, currency: RMB, change: -5}\nsteps:"
)


def protocol(steps: str, head: str = HEAD) -> Protocol:
    return parse_yaml(head + steps.lstrip("\n"), Protocol, "p.yaml")


def ids(plan: Plan) -> list[str]:
    return [planned.step.id for planned in plan.steps]


def test_a_loop_runs_its_steps_for_each_item() -> None:
    plan = make_plan(protocol(CLIPS, FILE), participant="P1", seed=3)
    assert len(plan.steps) == 16
    for film, report, talk, review in zip(*[iter(plan.steps)] * 4, strict=True):
        item = str(film.values["item"])
        assert [p.step.id for p in (film, report, talk, review)] == [
            f"{k}_{item}" for k in ("clip", "report", "talk", "review")
        ]
        assert isinstance(film.step, Movie)
        assert film.recording == film.step.id
        assert film.label == {"one": "a", "two": "b", "three": "c", "four": "d"}[item]
        assert film.step.clip == film.values["clip"]
        assert isinstance(report.step, Form)
        assert report.recording is None
        assert report.step.about == film.step.id
        word = {"one": "dog", "two": "cat", "three": "cow", "four": "hen"}[item]
        assert report.step.questions[0].text["en"] == f"Fear of the {word}? {{{{{{pay}}}}}}"
        assert report.when[0].holds(report.values) == (report.values["emotion"] == "fear")
        assert talk.when[0].holds({f"report_{item}_fear": 3})
        assert not talk.when[0].holds({"report_other_fear": 3})
        assert isinstance(review.step, Review)
        assert review.step.about == film.step.id
    assert make_plan(protocol(CLIPS, FILE), participant="P1", seed=3) == plan
    lengths = expected_lengths(plan, {f"c{n}": 10.0 for n in range(1, 5)})
    assert (lengths[0], lengths[3]) == (10.0, 5.0)


def test_orders_differ_between_seeds_and_participants() -> None:
    file = protocol(CLIPS, FILE)
    orders = {tuple(ids(make_plan(file, participant=f"P{n % 5}", seed=n // 5))) for n in range(50)}
    assert len(orders) > 15  # of 24
    assert {tuple(sorted(order)) for order in orders} == {tuple(sorted(ids(make_plan(file, participant="P", seed=0))))}


def test_latin_square_is_balanced_over_the_sessions_of_the_lab() -> None:
    file = protocol(CLIPS.replace("shuffled", "latin_square"), FILE)
    firsts = Counter(ids(make_plan(file, participant=f"P{n}", seed=n, place=n))[0] for n in range(8))
    assert set(firsts.values()) == {2}
    assert len(firsts) == 4


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(), repeat=st.integers(1, 4))
def test_an_emotion_never_comes_twice_in_a_row(seed: int, repeat: int) -> None:
    steps = CLIPS.replace("order: shuffled", f"order: spread\n    repeat: {repeat}")
    plan = make_plan(protocol(steps, FILE), participant="P", seed=seed)
    shown = [planned.values["emotion"] for planned in plan.steps if planned.step.kind == "movie"]
    assert len(shown) == 4 * repeat
    assert all(a != b for a, b in pairwise(shown))


def test_emotions_of_the_manifest_are_filled_in() -> None:
    steps = """
  - kind: loop
    id: l
    order: spread
    items: [{id: a, clip: x}, {id: b, clip: y}, {id: c, clip: x}]
    steps: [{id: m, kind: movie, clip: "{clip}"}]
  - kind: block
    id: b
    order: spread
    steps: [{id: p, kind: movie, clip: x}, {id: q, kind: movie, clip: x}, {id: r, kind: movie, clip: y}]
"""
    file = protocol(steps)
    plan = make_plan(file, participant="P", seed=0, emotions={"x": "fear", "y": "joy"})
    assert [p.step.clip for p in plan.steps if isinstance(p.step, Movie)] == ["x", "y", "x"] * 2
    with pytest.raises(BadInput, match=r"protocol p: item 'a' has no emotion"):
        make_plan(file, participant="P", seed=0)
    with pytest.raises(BadInput, match=r"no order of these 3 keeps equal ones apart: 3 are 'fear'"):
        make_plan(file, participant="P", seed=0, emotions={"x": "fear", "y": "fear"})


QUESTIONS = """
  - kind: loop
    id: group
    order: shuffled
    items:
      - {id: door, picture: p1, things: [envelope, {id: box, item: {en: archive box, zh: 档案盒}}, 163]}
      - {id: wall, picture: p2, things: [bag, coat, hook]}
    steps:
      - {id: show, kind: image, image: "{picture}"}
      - kind: loop
        id: thing
        items: "{things}"
        order: shuffled
        repeat: 2
        isi: [16, 20]
        roam: [own]
        roam_first: false
        steps:
          - {id: ask, kind: question, group: "{group}", item: "{item}", text: "Was it the {item}?", expected: "no"}
          - {id: own, kind: question, role: attention, text: "Are you {participant}?", isi: [5, 6], expected: "yes"}
"""


@settings(max_examples=30, deadline=None)
@given(seed=st.integers())
def test_nested_lists_and_a_question_that_roams(seed: int) -> None:
    file = protocol(QUESTIONS)
    plan = make_plan(file, participant="P", seed=seed)
    assert file.images == ("p1", "p2")
    assert len(plan.steps) == len(set(ids(plan))) == 2 * (1 + 2 * 4)
    assert ids(plan)[0].startswith("show_")
    for start in (0, 9):
        group = str(plan.steps[start].values["group"])
        for repetition, suffix in ((1, ""), (2, "_r2")):
            part = plan.steps[start + 1 + 4 * (repetition - 1) :][:4]
            own = [n for n, planned in enumerate(part) if planned.step.id == f"own_{group}{suffix}"]
            assert own in [[1], [2], [3]]
            assert all(planned.step.id.endswith(suffix) for planned in part)
            for planned in part:
                assert isinstance(planned.step, Question)
                assert planned.step.isi == ((5, 6) if planned.step.role == "attention" else (16, 20))
    asked = {p.step.id: p.step for p in plan.steps if isinstance(p.step, Question)}
    assert asked["ask_door_box"].text == {"en": "Was it the archive box?", "zh": "Was it the 档案盒?"}
    assert asked["ask_door_box"].item == "archive box"
    assert asked["ask_door_163_r2"].item == "163"


def test_places_of_the_roaming_question_are_all_used() -> None:
    file = protocol(QUESTIONS)
    places = Counter(ids(make_plan(file, participant="P", seed=seed)).index("own_door") % 9 for seed in range(200))
    assert set(places) == {2, 3, 4}
    assert min(places.values()) > 40


def test_a_recorded_block_is_one_trial_and_a_condition_of_a_block_is_that_of_its_steps() -> None:
    steps = """
  - {id: first, kind: movie, clip: x}
  - kind: block
    id: talk
    record: true
    when: participant != 'P0'
    steps:
      - {id: m, kind: movie, clip: x}
      - {id: q, kind: question, text: t, record: true, when: q2 == 'yes'}
      - {id: q2, kind: question, text: t}
  - {id: last, kind: movie, clip: x}
  - {id: practice, kind: movie, clip: x, record: false}
"""
    plan = make_plan(protocol(steps), participant="P", seed=0)
    assert [(p.label, p.recording) for p in plan.steps] == [
        ("a", "first"),
        *[("talk", "talk")] * 3,
        ("b", "last"),
        ("practice", None),
    ]
    assert [len(p.when) for p in plan.steps] == [0, 1, 2, 1, 0, 0]


def test_a_buffer_comes_first_in_each_repetition() -> None:
    steps = CLIPS.replace("order: shuffled", "order: shuffled\n    repeat: 3\n    buffer: three")
    for seed in range(10):
        films = [i for i in ids(make_plan(protocol(steps, FILE), participant="P", seed=seed)) if i.startswith("clip_")]
        assert films[::4] == ["clip_three", "clip_three_r2", "clip_three_r3"]


@pytest.mark.parametrize("case", WRONG)
def test_mistake_is_told_with_its_line(case: str) -> None:
    text = HEAD + WRONG[case].lstrip("\n")
    line = next(number for number, words in enumerate(text.splitlines(), 1) if "# <- " in words)
    said = text.splitlines()[line - 1].partition("# <- ")[2]
    with pytest.raises(BadInput) as caught:
        parse_yaml(text.replace("LONG", "x" * 20_000), Protocol, "p.yaml")
    assert said in str(caught.value)
    assert str(caught.value).startswith(f"p.yaml:{line}: ")
    assert "\n" not in str(caught.value)


def test_a_text_that_is_not_in_every_language_is_told() -> None:
    with pytest.raises(BadInput, match=r"p.yaml:6: .*'a' has a text without 'zh'"):
        protocol("  - {id: a, kind: note, text: {en: hello}}\n", HEAD.replace("steps:", "languages: [en, zh]\nsteps:"))


def test_a_variable_cannot_take_the_name_of_the_participant() -> None:
    with pytest.raises(BadInput, match=r"p.yaml:4: .*'participant' is a variable that every session has"):
        protocol("  - {id: a, kind: note, text: t}\n", HEAD.replace("steps:", "variables: {participant: x}\nsteps:"))


def test_a_key_named_like_its_kind_has_its_own_line() -> None:
    with pytest.raises(BadInput, match=r"p.yaml:7: 'steps.0.image'"):
        protocol("  - id: a\n    kind: image\n    image: 7\n")
    with pytest.raises(BadInput, match=r"p.yaml:8: 'steps.0.text'"):
        protocol("  - id: a\n    kind: image\n    image: x\n    text: 7\n")


def test_every_shipped_protocol_is_well() -> None:
    files = sorted((ROOT / "protocols").glob("*.yaml"))
    assert files
    for file in files:
        loaded = parse_yaml(file.read_text(encoding="utf-8"), Protocol, file.name)
        assert loaded.speaks("en")
        assert loaded.speaks("zh")
