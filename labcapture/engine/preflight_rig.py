"""Judges devices, films, disk and machine. Pure: measures in, rows out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from labcapture.core.chunks import StreamSpec
from labcapture.core.errors import LabcaptureError
from labcapture.devices.base import DeviceConfig
from labcapture.engine.preflight_measure import Encoding, MachineMeasure
from labcapture.engine.preflight_rows import Row, row

DEFAULT_MINUTES = 30.0  # of recording, where no protocol says what is needed
RESERVE_BYTES = 500_000_000  # with less nothing else on the machine works either
WRITE_MARGIN = 2.0  # a disk should be so many times faster than the recording
LATE_SHARE = 0.01  # of the flips of a trial may be late before it is no-go
CLOCK_STEP_S = 0.005
_OLDEST_YEAR = 2026  # of a wall clock that is set at all: the year of this software


def judge_device(config: DeviceConfig, specs: Sequence[StreamSpec], error: LabcaptureError | None) -> Iterator[Row]:
    """Yield whether a device is there, and what it says of itself."""
    if error is not None:
        verdict = "fail" if config.required else "warn"
        yield row(config.name, "present", verdict, error.what, "", error.mend or "Check its cable and power.")
        return
    told = specs[0].attributes if specs else {}
    facts = [str(told[key]) for key in ("camera", "serial", "input", "lsl_name") if told.get(key)]
    if told.get("firmware"):
        facts.append(f"firmware {told['firmware']}")
    yield row(config.name, "present", True, ", ".join(facts) or config.kind)
    usb = told.get("usb_type")
    if usb:
        allowed = bool(getattr(config, "allow_usb2", False))
        verdict = "ok" if str(usb).startswith("3") else "warn" if allowed else "fail"
        yield row(config.name, "USB", verdict, f"USB {usb}", "USB 3", "Use a USB 3 port and cable.")


def judge_network(others: Sequence[str]) -> Row:
    """Return which LSL ``others`` are there that the rig does not record."""
    reading = f"not recorded: {'; '.join(others)}" if others else "none"
    mend = "Add a stream to the rig file if it belongs to this session."
    return row("network", "other LSL streams", "warn" if others else "ok", reading, "none but the rig's", mend)


@dataclass(frozen=True)
class FilmFacts:
    """One clip of the protocol."""

    clip: str
    problem: str = ""  # empty: the film is there and is the one of the manifest
    hashed: bool = True  # whether the manifest says which film it is
    placeholder: bool = False


def judge_films(films: Sequence[FilmFacts]) -> Iterator[Row]:
    """Yield a row for the films that are wrong, or one for all."""
    for film in films:
        if film.problem:
            mend = "Put it into the stimuli folder, or run 'labcapture stimuli placeholders' to rehearse."
            yield row("films", film.clip, False, film.problem, "there, and the one of the manifest", mend)
    well = [film for film in films if not film.problem]
    if well:
        made, bare = sum(film.placeholder for film in well), sum(not film.hashed for film in well)
        counts = [f"{made} of them placeholders"] * bool(made)
        counts += [f"{bare} without a hash in the manifest"] * bool(bare)
        reading = f"{len(well)} there, {', '.join(counts)}" if counts else f"{len(well)} there and hashed"
        mend = "Run 'labcapture stimuli hash'." if bare else "Good for rehearsals only."
        yield row("films", "clips", "warn" if counts else "ok", reading, "all there and hashed", mend)


def judge_machine(machine: MachineMeasure, need: Encoding, needed_s: float) -> Iterator[Row]:
    """Yield the rows about disk, encoding, processor and clock; ``needed_s`` of recording are to be stored."""
    minutes = max(0, machine.free_bytes - RESERVE_BYTES) / max(need.bytes_per_s, 1.0) / 60
    told, limit = f"{minutes:.0f} min", f"at least {needed_s / 60:.0f} min"
    mend = "Free some space, or name another disk with --out."
    reading = f"{told} of recording at {_mb(need.bytes_per_s)} MB/s"
    yield row("disk", "room", minutes * 60 >= needed_s, reading, limit, mend)
    least = WRITE_MARGIN * need.bytes_per_s
    mend = "Record to a faster disk."
    if machine.write_error:
        yield row("disk", "write speed", False, machine.write_error, "writable", "Name another folder with --out.")
    else:
        speed = machine.write_bytes_per_s
        verdict = "ok" if speed >= least else "warn" if speed >= need.bytes_per_s else "fail"
        yield row("disk", "write speed", verdict, f"{_mb(speed)} MB/s", f"at least {_mb(least)} MB/s", mend)
    reading = need.fault or "every picture came back as it was"
    yield row("machine", "encoding", not need.fault, reading, "without loss", need.mend)
    free = machine.cores - machine.cores_busy
    verdict = "ok" if free >= 1.5 * need.cores else "warn" if free >= need.cores else "fail"
    limit = f"at least {1.5 * need.cores:.2f} cores"
    reading = f"{free:.2f} of {machine.cores} cores free while the rig ran"
    yield row("machine", "processor", verdict, reading, limit, "Close other programs.")
    set_well = machine.now.year >= _OLDEST_YEAR
    steady = abs(machine.clock_step_s) < CLOCK_STEP_S
    verdict = "fail" if not set_well else "ok" if steady else "warn"
    reading = f"{machine.now:%Y-%m-%d %H:%M} UTC, moved by {machine.clock_step_s * 1000:+.1f} ms"
    limit = f"set, and steady within {CLOCK_STEP_S * 1000:.0f} ms"
    yield row("machine", "wall clock", verdict, reading, limit, "Set the clock; let it settle.")


def _mb(bytes_per_s: float) -> str:
    return f"{bytes_per_s / 1e6:.{0 if bytes_per_s >= 1e7 else 2}f}"


def judge_sleep(inhibited: bool | None) -> Row:
    """Return whether the machine may fall asleep in the middle of a session."""
    mend = "The system does not let us hold off sleep: turn off sleep and the screen saver in its settings."
    reading = {True: "held off", False: "may set in", None: "cannot be told"}[inhibited]
    return row("machine", "sleep", "ok" if inhibited else "warn", reading, "held off", mend)


@dataclass(frozen=True)
class StageFacts:
    """What the participant's screen did in a trial."""

    error: str = ""
    mend: str = ""
    display: str = ""
    size: tuple[int, int] = (0, 0)
    rate_hz: float = 0.0
    wanted_hz: float = 0.0
    paced: bool = False
    seconds: float = 0.0
    late_flips: int = 0


def judge_stage(facts: StageFacts) -> Iterator[Row]:
    """Yield the rows about the participant's screen."""
    if facts.error:
        yield row("stage", "screen", False, facts.error, "", facts.mend or "Check display and screen in the rig file.")
        return
    yield row("stage", "screen", True, f"{facts.size[0]} x {facts.size[1]} {facts.display}".strip())
    near = abs(facts.rate_hz - facts.wanted_hz) <= 0.02 * facts.wanted_hz
    reading = f"{facts.rate_hz:.2f} Hz{', paced by us: no vertical blank here' if facts.paced else ''}"
    mend = "Set the screen's refresh rate, or rate_hz of the stage in the rig file."
    yield row("stage", "refresh rate", "ok" if near else "warn", reading, f"{facts.wanted_hz:g} Hz", mend)
    flips = max(1.0, facts.seconds * facts.rate_hz)
    verdict = (
        "ok" if not facts.late_flips else "warn" if facts.late_flips <= LATE_SHARE * flips or facts.paced else "fail"
    )
    reading = f"{facts.late_flips} late in {facts.seconds:.0f} s"
    yield row("stage", "flips", verdict, reading, "none", "Close other programs; update the graphics driver.")
