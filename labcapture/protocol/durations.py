"""How long a step is likely to take: for the time left, for `labcapture protocol check`, never for timing."""

from __future__ import annotations

from collections.abc import Mapping

from labcapture.protocol.steps import (
    Assign,
    Baseline,
    Break,
    Calibrate,
    Consent,
    Fixation,
    Form,
    Image,
    Instruction,
    Interview,
    Leaf,
    Movie,
    Note,
    Question,
    Review,
    SyncTest,
)
from labcapture.protocol.texts import FALLBACK, Text, in_language

READING_CHARACTERS_PER_S = 15.0  # a calm reader of Latin script
READING_IDEOGRAMS_PER_S = 4.0
ANSWER_S = 4.0  # per question of a form
QUESTION_S = 7.0  # a prompt of an interview with its answer: 68 of them in 8 minutes (CAS(ME)3, part C)
INTERVIEW_S = 60.0
CALIBRATE_S = 30.0
CONSENT_S = 60.0
PERSON_S = 10.0  # somebody reads a line and presses a key


def expected_seconds(step: Leaf, clip_seconds: Mapping[str, float]) -> float:  # noqa: PLR0911, PLR0912 - one for each kind
    """Estimate how long ``step`` takes (s); ``clip_seconds`` gives the length of each clip."""
    match step:
        case Movie():
            return clip_seconds.get(step.clip, 0.0)
        case Fixation() | Baseline():
            return step.seconds
        case Form():
            return ANSWER_S * len(step.questions)
        case Instruction():
            return min(reading_seconds(step.text), step.seconds or float("inf"))
        case Consent():
            return CONSENT_S + reading_seconds(step.text)
        case Calibrate():
            return CALIBRATE_S
        case Question():
            return QUESTION_S if step.isi is None else sum(step.isi) / 2
        case Interview():
            return step.seconds or INTERVIEW_S
        case Review():
            return 0.0  # as long as the trial that it shows: `plan.expected_lengths` knows it
        case SyncTest():
            return step.pairs * sum(step.every_s) / 2
        case Image() | Break():
            return step.seconds or PERSON_S
        case Note():
            return PERSON_S
        case Assign():
            return PERSON_S if step.how == "entered" else 0.0


def reading_seconds(text: Text) -> float:
    """Estimate how long a participant reads ``text`` (s)."""
    words = in_language(text, FALLBACK)
    ideograms = sum(1 for character in words if "\u3400" <= character <= "\u9fff")
    return ideograms / READING_IDEOGRAMS_PER_S + (len(words) - ideograms) / READING_CHARACTERS_PER_S
