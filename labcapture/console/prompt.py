"""What the present step wants from the people in the room, in words and keys, without Qt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from labcapture.engine.messages import Prompt, Snapshot

_KINDS = {
    "assign": "To be entered",
    "break": "Break",
    "calibrate": "Head position",
    "consent": "Consent",
    "image": "Picture",
    "instruction": "Instruction",
    "interview": "Interview",
    "note": "Reminder",
    "question": "Question",
}
_SPOKEN = {"question", "interview"}
_CONFIRMS = {
    "consent": "Return: the participant agrees",
    "calibrate": "goes on when the position holds; Return passes it, for a reason",
    "break": "Return ends the break",
    "interview": "Return ends the interview",
}
Next = Literal["", "start", "end"]


def is_spoken(prompt: Prompt | None) -> bool:
    """Return whether the interviewer is to say something."""
    return prompt is not None and prompt.kind in _SPOKEN


def wants_people(prompt: Prompt | None) -> bool:
    """Return whether anybody but the participant is to say, enter or confirm something."""
    return prompt is not None and (bool(prompt.awaits) or prompt.kind in _SPOKEN or prompt.kind == "calibrate")


def heading(prompt: Prompt) -> str:
    """Return what kind of step it is, which of how many, and the group that it belongs to."""
    kind = _KINDS.get(prompt.kind, prompt.kind.replace("_", " "))
    which = f"{kind} {prompt.number} of {prompt.total}" if prompt.number else kind
    return "  ·  ".join(filter(None, (which, prompt.group.replace("_", " "), prompt.item.replace("_", " "))))


def next_edge(prompt: Prompt) -> Next:
    """Return which edge of the question the interviewer marks next."""
    if prompt.kind != "question" or prompt.answer:
        return ""
    return {"": "start", "start": "end", "end": ""}[prompt.asked]  # type: ignore[return-value]  # one of the three


def awaited(prompt: Prompt) -> str:
    """Return who is awaited, and by which key one goes on."""
    if prompt.kind == "question":
        if prompt.answer:
            return "answered; the next one comes by the pace" if prompt.isi_s else "answered"
        return {
            "": "Space when you begin to ask",
            "start": "Space when you have asked",
            "end": "the participant answers",
        }[prompt.asked]
    if prompt.awaits == "enter":
        if prompt.by == "assistant":
            return "the assistant enters it at another terminal"
        return "you choose"
    if prompt.awaits in {"text", "number"}:
        return "W to write it down, Return to store it"
    return _CONFIRMS.get(prompt.kind, "Return goes on") if prompt.awaits == "confirm" else "the participant"


def explanation(prompt: Prompt) -> str:
    """Return the words of the step; where it has none, what is to be done."""
    if prompt.text:
        return prompt.text
    if prompt.awaits == "enter":
        return f"Value of “{prompt.variable.replace('_', ' ')}”"
    return {
        "calibrate": "Bring the head to its place.",
        "break": "Break. The participant waits.",
    }.get(prompt.kind, "")


def answer_keys(words: Sequence[str], taken: frozenset[str]) -> tuple[str, ...]:
    """Return a key for each of ``words``: their first letters, or digits where letters would be mistaken.

    Parameters
    ----------
    taken
        Letters that mean something else.
    """
    letters = [word[:1].upper() for word in words]
    plain = all("A" <= letter <= "Z" for letter in letters)
    if plain and len(set(letters)) == len(letters) and not taken & set(letters):
        return tuple(letters)
    return tuple(str(number) if number < 10 else f"Ctrl+{number - 9}" for number in range(1, len(words) + 1))


_TIMED = {"movie", "fixation", "baseline", "sync_test", "break"}
_SCREEN = {
    "instruction": "a text",
    "consent": "what the consent is about",
    "calibrate": "grey",
    "fixation": "a cross",
    "baseline": "rest",
    "movie": "film",
    "image": "a picture",
    "question": "grey, or the group's picture",
    "interview": "grey, or a picture",
    "form": "questions, one after the other",
    "review": "the own face as it was recorded",
    "break": "please wait",
    "note": "grey",
    "assign": "grey",
    "sync_test": "flashes with tones",
}


def on_screen(snapshot: Snapshot) -> tuple[str, float | None]:
    """Return what the participant sees, in words, and how far a step of known length has come (0 to 1)."""
    index = snapshot.step
    if index is None or not 0 <= index < len(snapshot.steps):
        return "grey", None
    step = snapshot.steps[index]
    words, share = _SCREEN.get(step.kind, step.kind), None
    if step.state != "running":
        return "grey", None
    if step.kind in _TIMED and step.expected_s > 0:
        share = min(1.0, snapshot.step_elapsed_s / step.expected_s)
    prompt = snapshot.prompt
    waits = prompt is not None and not wants_people(prompt) and step.kind in {"instruction", "form", "review", "image"}
    return f"{words}{'; the participant goes on' if waits else ''}", share
