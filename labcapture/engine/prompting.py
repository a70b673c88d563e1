"""What the experimenter, the interviewer or the assistant needs to know for the present step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from labcapture.engine.asking import Asked
from labcapture.engine.messages import Prompt
from labcapture.protocol import steps
from labcapture.protocol.fill import Value, fill
from labcapture.protocol.plan import Plan
from labcapture.protocol.texts import in_language


def prompt(
    plan: Plan, step: steps.Leaf | None, shown: Mapping[str, Value], language: str, asked: Asked | None, since_s: float
) -> Prompt | None:
    """Return the prompt of ``step``; ``shown`` are the variables as a screen may show them."""
    if step is None:
        return None
    text = getattr(step, "text", None)
    facts: dict[str, Any] = {"step": step.id, "kind": step.kind, "since_s": since_s}
    if text is not None:
        facts["text"] = fill(in_language(text, language), shown)
    match step:
        case steps.Question():
            facts |= _of_question(plan, step, asked)
        case steps.Interview():
            facts |= {"awaits": step.writes or "confirm", "unit": step.unit}
        case steps.Assign():
            facts |= {"awaits": "enter", "keys": step.values, "variable": step.variable, "by": step.by}
        case steps.Consent() | steps.Calibrate() | steps.Note():
            facts |= {"awaits": "confirm"}
        case steps.Break():
            facts |= {"awaits": "confirm" if step.seconds is None else ""}
        case steps.Instruction() | steps.Image():
            waits = step.leave == "experimenter" and step.seconds is None
            facts |= {"awaits": "confirm" if waits else ""}
    return Prompt(**facts)


def _of_question(plan: Plan, step: steps.Question, asked: Asked | None) -> dict[str, Any]:
    questions = [planned.step.id for planned in plan.steps if isinstance(planned.step, steps.Question)]
    edge = ""
    if asked is not None:
        edge = "end" if math.isfinite(asked.end) else "start" if math.isfinite(asked.start) else ""
    return {
        "awaits": "answer" if step.answers else "text",
        "keys": step.answers,
        "expected": step.expected,
        "group": step.group,
        "item": step.item,
        "role": step.role,
        "number": questions.index(step.id) + 1,
        "total": len(questions),
        "asked": edge,
        "answer": asked.answer if asked else "",
        "isi_s": asked.isi_s if asked else None,
    }
