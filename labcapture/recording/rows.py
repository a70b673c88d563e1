"""The tables of a session that grow by single rows while it runs: events, answers, what was asked and decided."""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from labcapture.recording.scribe import Scribe
from labcapture.recording.tables import CALIBRATION

NAN = math.nan
_CALIBRATED = tuple(column.name for column in CALIBRATION if column.name != "picture")


class Rows(ABC):
    """Enters rows by name. All times are LSL s."""

    def __init__(self) -> None:
        self.told: dict[str, Any] = {}
        """What else the summary tells."""

    @abstractmethod
    def _do(self, action: Callable[[Scribe], None]) -> None:
        """Have the HDF5 thread do ``action`` in its turn."""

    def _rows(self, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
        self._do(lambda scribe: scribe.session.rows(table, rows))

    def tell(self, **facts: Any) -> None:  # noqa: ANN401 - any JSON
        """Have the summary say ``facts``, too."""
        self.told |= facts

    def marker(self, time: float, label: str, source: str, step: str = "") -> None:
        """Enter an event at ``time``; ``source``: stage, engine or experimenter."""
        self._rows("/markers", [(time, label, source, step)])

    def note(self, time: float, text: str) -> None:
        """Enter a line of the experimenter."""
        self._rows("/notes", [(time, text)])

    def answer(
        self,
        step: str,
        question: str,
        value: str | float | Sequence[str] | None,
        time: float,
        reaction_time: float,
        by: str = "participant",
        *,
        trial: str = "",
        since_clip_s: float = NAN,
        self_report: bool = False,
    ) -> None:
        """Enter an answer given at ``time``; ``self_report``: it says what the participant felt in ``trial``."""
        number = float(value) if isinstance(value, int | float) else NAN
        text = "" if value is None else str(value)
        if isinstance(value, list | tuple):
            text = json.dumps(value, ensure_ascii=False)
        row = (time, step, trial, question, text, number, reaction_time, since_clip_s, by)
        self._rows("/self_report" if self_report else "/answers", [row])

    def flips(self, step: str, trial: str, rows: Sequence[tuple[int, float, float, bool]]) -> None:
        """Enter flips of a film: (flip index, LSL time s, film time s, late) each."""
        self._rows("/stimulus_flips", [(trial, step, *row) for row in rows])

    def step(self, time: float, event: str, step: str, take: int, trial: str, state: str, detail: str) -> None:
        """Enter what moved the protocol along; the event ``supersede`` says that ``trial`` was taken again."""
        self._rows("/steps", [(time, event, step, take, trial, state, detail)])

    def response(
        self,
        step: str,
        *,
        group: str = "",
        item: str = "",
        role: str = "",
        expected: str = "",
        answer: str = "",
        question_start: float = NAN,
        question_end: float = NAN,
        answer_time: float = NAN,
        voice_onset: float = NAN,
        latency_s: float = NAN,
        method: str = "",
        take: int = 1,
    ) -> None:
        """Enter a question that the interviewer asked, with what was answered."""
        asked = (step, group, item, role, expected, answer, question_start, question_end)
        self._rows("/responses", [(*asked, answer_time, voice_onset, latency_s, method, take)])

    def booking(self, time: float, mark: str, step: str, trial: str, change: float, balance: float) -> None:
        """Enter what a mark of the experimenter did to the participant's account."""
        self._rows("/ledger", [(time, mark, step, trial, change, balance)])

    def flag(
        self, step: str, trial: str, stream: str, first: int, last: int, start: float, stop: float, by: str
    ) -> None:
        """Enter pictures ``first`` to ``last`` of the closed ``trial``, flagged from LSL time ``start`` to ``stop``."""

        def enter(scribe: Scribe) -> None:
            first_time, last_time = scribe.picture_time(trial, stream, first, last)
            row = (step, trial, first, last, first_time, last_time, start, stop, by)
            scribe.session.rows("/review_flags", [row])

        self._do(enter)

    def sync_test(self, rows: Sequence[tuple[Any, ...]], figures: dict[str, Any]) -> None:
        """Enter what a sync_test came to: its rows, and its figures, which stand in the summary too."""
        self.told["sync_test"] = figures
        self._rows("/sync_test", rows)
        self._do(lambda scribe: scribe.session.values("/sync_test", figures))

    def calibration(
        self,
        values: Mapping[str, Any],
        limits: Sequence[tuple[str, float, float, float, bool]],
        color: NDArray[Any] | None,
        depth: NDArray[Any] | None,
    ) -> None:
        """Enter how a calibration ended: its measures, what was held against limits, small pictures if there are any.

        Parameters
        ----------
        values
            The columns of `/calibration/results` but ``picture``.
        limits
            Name, reading, least, most, ok.
        color, depth
            (h, w, 3) uint8 and (h, w) uint16.
        """

        def enter(scribe: Scribe) -> None:
            session, picture = scribe.session, -1
            if color is not None and depth is not None:
                picture = session.head_pictures({"color": color[None], "depth": depth[None]})
            session.rows("/calibration/results", [(*(values[name] for name in _CALIBRATED), picture)])
            session.rows("/calibration/limits", [(values["step"], values["take"], *limit) for limit in limits])

        self._do(enter)

    def assignment(
        self, time: float, variable: str, value: str, how: str, by: str, within: Mapping[str, str] | None = None
    ) -> None:
        """Enter the value that a variable got."""
        told = json.dumps(dict(within or {}), ensure_ascii=False, sort_keys=True)
        self._rows("/assignments", [(time, variable, value, how, by, told)])

    def preflight(
        self, time: float, group: str, name: str, verdict: str, reading: str, limit: str, override: str = ""
    ) -> None:
        """Enter a row of the look at the rig that was over at ``time``; ``override``: why it was no hindrance."""
        self._rows("/preflight", [(time, group, name, verdict, reading, limit, override)])
