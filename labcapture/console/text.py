"""What the window says: words and figures from a snapshot, without Qt."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from labcapture.engine.messages import Alarm, EngineState, Snapshot, StepView, StreamHealth

Tone = Literal["none", "quiet", "ready", "recording", "held", "alarm"]
NOTHING = "–"

_STATES: dict[EngineState, tuple[str, str, Tone]] = {
    EngineState.IDLE: ("IDLE", "no session is open", "quiet"),
    EngineState.PREPARING: ("PREPARING", "opening rig and screen", "quiet"),
    EngineState.READY: ("READY", "Space starts the session", "ready"),
    EngineState.CLOSING: ("CLOSING", "checking what was written", "quiet"),
}


@dataclass(frozen=True, slots=True)
class Headline:
    """The large state: one ``word``, a ``detail`` beside it, and the ``tone`` it is coloured by."""

    word: str
    detail: str
    tone: Tone


def headline(snapshot: Snapshot) -> Headline:
    """Return the state in large letters; an active alarm outranks every state of an open session."""
    calm = _calm(snapshot)
    if snapshot.state is not EngineState.IDLE and active_alarms(snapshot):
        return Headline("ALARM", f"{calm.word} {calm.detail}", "alarm")
    return calm


def _calm(snapshot: Snapshot) -> Headline:
    if snapshot.state is EngineState.IDLE and snapshot.check is not None and snapshot.check.doing:
        return Headline("IDLE", "looking at the rig", "quiet")
    if snapshot.state in _STATES:
        word, detail, tone = _STATES[snapshot.state]
        return Headline(word, snapshot.doing or detail, tone)
    where = _question_count(snapshot) or _clip_count(snapshot) or _step_count(snapshot)
    if snapshot.state is EngineState.PAUSED:
        return Headline("PAUSED", where, "held")
    return Headline("RECORDING", where, "recording") if snapshot.trial else Headline("RUNNING", where, "ready")


def _question_count(snapshot: Snapshot) -> str:
    prompt = snapshot.prompt
    return f"question {prompt.number} of {prompt.total}" if prompt is not None and prompt.number else ""


def _clip_count(snapshot: Snapshot) -> str:
    """Return ``clip 1 of 2``, empty outside of a clip."""
    clips = [step for step in snapshot.steps if step.kind == "movie"]
    step = running_step(snapshot)
    return f"clip {clips.index(step) + 1} of {len(clips)}" if step in clips else ""


def _step_count(snapshot: Snapshot) -> str:
    return "" if snapshot.step is None else f"step {snapshot.step + 1} of {len(snapshot.steps)}"


def is_clip(step: StepView) -> bool:
    """Return whether the step is a recorded clip: it has a trial, or will have one."""
    return step.kind == "movie" or step.trial is not None


def running_step(snapshot: Snapshot) -> StepView | None:
    """Return the step that runs."""
    if snapshot.step is None or not 0 <= snapshot.step < len(snapshot.steps):
        return None
    return snapshot.steps[snapshot.step]


def next_step(snapshot: Snapshot) -> str:
    """Return the title of the step after the running one."""
    following = 0 if snapshot.step is None else snapshot.step + 1
    if following >= len(snapshot.steps):
        return "end of session" if snapshot.steps else NOTHING
    return title(snapshot.steps[following])


def title(step: StepView) -> str:
    """Return what the experimenter calls the step."""
    return step.title or step.id


def whose(snapshot: Snapshot) -> str:
    """Return participant, session, protocol and rig in one line."""
    parts = [
        snapshot.participant,
        f"session {snapshot.session}" if snapshot.session else "",
        snapshot.protocol,
        snapshot.paradigm.replace("_", " ") if snapshot.paradigm not in {"", "none", snapshot.protocol} else "",
        f"rig {snapshot.rig}" if snapshot.rig else "",
        f"autopilot {snapshot.autopilot}" if snapshot.autopilot is not None else "",
    ]
    return "  ·  ".join(part for part in parts if part)


def active_alarms(snapshot: Snapshot) -> list[Alarm]:
    """Return the alarms that stand, newest first."""
    return sorted((alarm for alarm in snapshot.alarms if alarm.active), key=lambda alarm: -alarm.time)


def past_alarms(snapshot: Snapshot) -> list[Alarm]:
    """Return the alarms that are over, newest first."""
    return sorted((alarm for alarm in snapshot.alarms if not alarm.active), key=lambda alarm: -alarm.time)


def clock(seconds: float | None) -> str:
    """Return ``m:ss``, or ``h:mm:ss`` from an hour on."""
    if seconds is None:
        return NOTHING
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def count(number: int) -> str:
    """Return a whole number with thin spaces between thousands."""
    return f"{number:,}".replace(",", "\u2009")


def size(count: float) -> str:
    """Return a number of bytes with three figures and a decimal unit."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:.3g} TB"


def unit(name: str) -> str:
    """Return the sign of a unit that has a well-known one."""
    return {"microsiemens": "µS", "millivolts": "mV", "microvolts": "µV", "volts": "V"}.get(name, name)


def minutes(value: float | None) -> str:
    """Return how long the disk lasts."""
    if value is None:
        return NOTHING
    return f"{value / 60:.0f} h" if value >= 600 else f"{value:.0f} min"


def rates(stream: StreamHealth) -> str:
    """Return measured and nominal rate (Hz, or kHz from 1000 on), in as many decimals as tell a fault."""
    thousands = max(stream.nominal_rate_hz, stream.rate_hz) >= 1000
    factor, decimals, unit = (1e-3, 2, " k") if thousands else (1.0, 1, "")
    measured = f"{stream.rate_hz * factor:.{decimals}f}" if stream.received else NOTHING
    if not stream.nominal_rate_hz:
        return f"{measured}{unit}"
    return f"{measured} / {stream.nominal_rate_hz * factor:g}{unit}"


def age(stream: StreamHealth) -> str:
    """Return how old the last data are (s)."""
    return NOTHING if stream.age_s is None else f"{stream.age_s:.2f}" if stream.age_s < 10 else f"{stream.age_s:.0f}"


def offset(stream: StreamHealth) -> str:
    """Return the clock's offset and its uncertainty in ms; an offset of another epoch in s, and says so."""
    if stream.clock_offset_s is None:
        return NOTHING
    seconds = stream.clock_offset_s
    shown = f"{seconds:+.3f} s" if abs(seconds) >= 1 else f"{seconds * 1e3:+.2f}"
    return shown if stream.clock_uncertainty_s is None else f"{shown} ± {stream.clock_uncertainty_s * 1e3:.2f}"


def is_stale(stream: StreamHealth) -> bool:
    """Return whether the stream is silent: nothing for a second, or for five periods of a slower stream."""
    patience = max(1.0, 5.0 / stream.nominal_rate_hz) if stream.nominal_rate_hz else float("inf")
    return stream.age_s is not None and stream.age_s > patience


def is_off_rate(stream: StreamHealth) -> bool:
    """Return whether the measured rate is more than 5 % off the nominal one."""
    if not stream.nominal_rate_hz or not stream.received:
        return False
    return abs(stream.rate_hz / stream.nominal_rate_hz - 1) > 0.05


def amount(value: float, currency: str) -> str:
    """Return a sum of money, without decimals where it has none."""
    return f"{value:g} {currency}".strip() if value == round(value) else f"{value:.2f} {currency}".strip()


def was_run(step: StepView) -> bool:
    """Return whether there is something of the step to be done again."""
    return step.state in {"running", "done", "failed"} or step.trial is not None


def bad_clip(snapshot: Snapshot) -> StepView | None:
    """Return the clip that ended last, if it is not annotatable and could be taken again."""
    judged = [step for step in snapshot.steps if step.verdict is not None and step.state in {"done", "failed"}]
    return judged[-1] if judged and judged[-1].verdict == "not annotatable" else None


def is_head_wrong(snapshot: Snapshot) -> bool:
    """Return whether the head is being set, is watched, and is not in its place yet."""
    step = running_step(snapshot)
    is_set = step is not None and step.kind == "calibrate" and step.state == "running"
    return is_set and snapshot.head is not None and not snapshot.head.green
