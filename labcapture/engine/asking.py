"""The times of the interviewer's questions: when each began and ended, when it was answered, when a voice replied."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass, field

from labcapture.engine.sound_tap import SoundTap
from labcapture.engine.voice_onset import find_onset
from labcapture.protocol.steps import Question
from labcapture.recording.recorder import Recorder

_BACKGROUND_S = 5.0  # of sound before the end of the question, to know how loud the room is
_LATE_S = 1.5  # sound reaches us so much later, at most
_AFTER_KEY_S = 1.0  # a key that was quicker than the voice
_SEARCH_S = 60.0  # after the question; a longer silence is no answer


@dataclass
class Asked:
    """One showing of a question step. Times in LSL s; NaN: not marked."""

    step: Question
    take: int
    begun: float
    isi_s: float | None = None
    start: float = math.nan
    end: float = math.nan
    answer: str = ""
    answer_time: float = math.nan
    held_s: float = 0.0
    over: float = math.inf
    due_told: bool = field(default=False)

    @property
    def question_start(self) -> float:
        """When the interviewer began; if not marked, when the step did."""
        return self.begun if math.isnan(self.start) else self.start

    def is_due(self, now: float) -> bool:
        """Tell whether the pace wants the next step."""
        return self.isi_s is not None and now >= self.question_start + self.isi_s + self.held_s


class Asking:
    """Keeps the times of the present question, and writes each question's row when its sound has come in.

    Parameters
    ----------
    recorder
        Gets the rows.
    sound
        Where a voice is looked for, None without a microphone.
    seed
        Of the drawn paces.
    speed
        How many times faster the pace is than the protocol's: an autopilot's.
    """

    def __init__(self, recorder: Recorder, sound: SoundTap | None, seed: str, speed: float = 1.0) -> None:
        self._recorder, self._sound, self._seed, self._speed = recorder, sound, seed, speed
        self.present: Asked | None = None
        self._waiting: list[tuple[float, Asked]] = []  # (write at LSL s, question)

    def begin(self, step: Question, take: int, now: float) -> None:
        """Take note that a question step is shown."""
        isi = None
        if step.isi is not None:
            isi = random.Random(f"{self._seed} isi {step.id}").uniform(*step.isi) / self._speed  # noqa: S311 - no secret
        self.present = Asked(step, take, now, isi)

    def onset(self, step: str, time: float) -> None:
        """Take note of when the step really came on the screen."""
        if self.present is not None and self.present.step.id == step:
            self.present.begun = time

    def mark(self, edge: str, time: float) -> None:
        """Take in that the interviewer began, or ended, the question."""
        if self.present is not None:
            setattr(self.present, edge, time)

    def answer(self, value: str, time: float) -> None:
        """Take in the answer; a later one replaces an earlier one."""
        if self.present is not None:
            self.present.answer, self.present.answer_time = value, time

    def hold(self, seconds: float) -> None:
        """Put off the pace by a pause."""
        if self.present is not None:
            self.present.held_s += seconds

    def end(self, now: float) -> None:
        """Take note that the present question's step is over."""
        if self.present is not None:
            self.present.over = now
            self._waiting.append((now + _LATE_S, self.present))
            self.present = None

    def tick(self, now: float) -> None:
        """Write the rows of the questions whose sound has come in."""
        while self._waiting and self._waiting[0][0] <= now:
            self._write(self._waiting.pop(0)[1])

    def close(self, now: float) -> None:
        """Write all rows."""
        self.end(now)
        self.tick(math.inf)

    def _write(self, asked: Asked) -> None:
        onset, method = math.nan, "no microphone"
        if self._sound is not None:
            known = asked.end if math.isfinite(asked.end) else asked.question_start
            last = asked.answer_time if math.isfinite(asked.answer_time) else known + _SEARCH_S
            until = min(max(last, known) + _AFTER_KEY_S, asked.over)  # what comes later answers the next question
            samples, start, rate_hz = self._sound.cut(known - _BACKGROUND_S, until)
            found = find_onset(samples, rate_hz, start, asked.end)
            onset, method = found.time, found.method
        step = asked.step
        self._recorder.response(
            step.id,
            group=step.group,
            item=step.item,
            role=step.role,
            expected=step.expected,
            answer=asked.answer,
            question_start=asked.question_start,
            question_end=asked.end,
            answer_time=asked.answer_time,
            voice_onset=onset,
            latency_s=onset - asked.end,
            method=method,
            take=asked.take,
        )
