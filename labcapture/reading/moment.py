"""What all streams saw at one time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from labcapture.core.errors import BadInput
from labcapture.reading.signals import Signal

if TYPE_CHECKING:
    import pandas as pd

    from labcapture.reading.session import Session
    from labcapture.reading.streams import Pictures
    from labcapture.reading.trial import Trial


@dataclass(frozen=True)
class Picture:
    """The picture of a stream that was taken nearest to some time.

    Parameters
    ----------
    source
        The stream.
    index
        Its index there.
    time
        LSL s at which it was taken.
    difference_s
        That, less the time that was asked for.
    """

    source: Pictures
    index: int
    time: float
    difference_s: float

    @cached_property
    def pixels(self) -> NDArray[Any]:
        """The picture itself, read once when it is first asked for."""
        return self.source[self.index]


@dataclass(frozen=True)
class Moment:
    """A trial at one time (LSL s).

    Parameters
    ----------
    time
        As asked for.
    color, depth
        The nearest picture; None where none is near enough.
    eda, voice
        The samples around it, against time; without rows where there are none.
    notes
        What a reader must know: that the time lies outside of the trial, what is missing and why.
    """

    time: float
    color: Picture | None
    depth: Picture | None
    eda: pd.DataFrame
    voice: pd.DataFrame
    notes: tuple[str, ...]


def moment(session: Session, trial: Trial, time: float, window_s: float, periods: float) -> Moment:
    """Return what `labcapture.reading.trial.Trial.at` promises."""
    if not math.isfinite(time):
        raise BadInput(f"is no time: {time}", f"trial {trial.id}", "Give LSL seconds, such as trial.start + 1.5.")
    notes = []
    if not trial.start <= time < trial.stop:
        away = trial.start - time if time < trial.start else time - trial.stop
        side = "before" if time < trial.start else "after"
        notes.append(f"{away:.3f} s {side} the trial")
    seen: dict[str, Picture | None] = {}
    for name in ("color", "depth"):
        seen[name] = _picture(trial[name], time, periods, notes) if name in trial.streams else None
        if name not in trial.streams:
            notes.append(f"the trial has no {name}")
    around = {}
    for name, signals in (("eda", session.samples), ("voice", session.audio)):
        around[name] = _samples(name, signals.get(name), time, window_s, notes)
    return Moment(time, seen["color"], seen["depth"], around["eda"], around["voice"], tuple(notes))


def _picture(source: Pictures, time: float, periods: float, notes: list[str]) -> Picture | None:
    if not len(source):
        notes.append(f"{source.name} has no frames")
        return None
    index = source.index_at(time)
    found = Picture(source, index, float(source.time[index]), float(source.time[index]) - time)
    period = source.period_s
    if math.isnan(period) or abs(found.difference_s) <= periods * period:
        return found
    gaps = source.gaps
    causes = {str(g["cause"]) for g in gaps if g["count"] and g["start"] - period <= time <= _end(g) + period}
    why = f" ({', '.join(sorted(causes))})" if causes else ""
    notes.append(
        f"{source.name}: no frame within {periods:g} periods{why}, the nearest is {found.difference_s:+.3f} s away"
    )
    return None


def _end(gap: Any) -> float:  # noqa: ANN401 - a row of a structured array
    stop = float(gap["stop"])
    return math.inf if math.isnan(stop) else stop


def _samples(name: str, signal: Signal | None, time: float, window_s: float, notes: list[str]) -> pd.DataFrame:
    if signal is None:
        notes.append(f"the session has no {name}")
        import pandas as pd  # noqa: PLC0415 - late: it takes long to load

        return pd.DataFrame(index=pd.Index([], name="time", dtype=float))
    start, stop = time - window_s / 2, time + window_s / 2
    found = signal.between(start, stop)
    holes = signal.holes
    if not len(found):
        notes.append(f"{name}: no samples from {window_s / 2:g} s before to {window_s / 2:g} s after")
    elif np.any((holes[:, 0] < stop) & (holes[:, 1] > start)):
        notes.append(f"{name}: samples are missing in the window")
    return found
