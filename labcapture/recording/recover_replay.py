"""The account of session.h5 told once more to the writer of a new one."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labcapture.core.chunks import AudioBlock, ClockOffset, Gap, Samples, StreamSpec
from labcapture.core.errors import RecordingError
from labcapture.protocol.rule import QualityRule
from labcapture.recording import schema
from labcapture.recording.encodings import UNSAID
from labcapture.recording.folder import SessionHeader
from labcapture.recording.journal import unpack
from labcapture.recording.ledger import Ledger
from labcapture.recording.recover_evidence import UNREADABLE, Account, spec_of
from labcapture.recording.recover_trial import CAUSE, LOST, CrashedTrial, gap_of
from labcapture.recording.scribe import Scribe

_FLUSH_LINES = 5000
_NEAR = 1000  # gaps among which the one before a block of sound is looked for: they stand in order of time
_NOT_RECORDED = "not recorded: "


@dataclass
class Told:
    """What the account of session.h5 says besides its data."""

    root: dict[str, Any] = field(default_factory=dict)
    rule: str = ""
    texts: dict[str, str] = field(default_factory=dict)
    specs: dict[str, StreamSpec] = field(default_factory=dict)
    trials: list[str] = field(default_factory=list)
    not_recorded: dict[str, str] = field(default_factory=dict)
    wall: tuple[float, float] = (math.nan, math.nan)

    def hear(self, line: Mapping[str, Any]) -> None:
        """Take in a line."""
        kind, path = line["kind"], line.get("path", "")
        if kind == "values" and path == "/":
            self.root.update(line["values"])
        elif kind == "values" and path == "/quality":
            self.rule = line["values"].get("rule", self.rule)
        elif kind == "text":
            self.texts[path] = line["text"]
        elif kind == "group" and path.startswith("/streams/") and "stream" in line:
            spec = spec_of(line["stream"])
            schema.check_stream(spec)
            self.specs[spec.name] = spec
        elif kind == "group" and path.startswith("/trials/"):
            self.trials.append(path.removeprefix("/trials/"))
        elif kind == "rows" and path == "/quality/verdicts":
            for trial, _, reasons in line["rows"]:
                if str(reasons).startswith(_NOT_RECORDED):
                    self.not_recorded[trial] = str(reasons).removeprefix(_NOT_RECORDED)
        elif kind == "rows" and path == "/clock/wall":
            self.wall = (float(line["rows"][-1][0]), float(line["rows"][-1][1]))

    def header(self) -> SessionHeader:
        """Return the header with which the session was begun."""
        root = self.root
        return SessionHeader(
            **{name: str(root[name]) for name in ("participant", "session", "protocol", "paradigm", "rig", "language")},
            protocol_text=self.texts["/protocol/text"],
            rig_text=self.texts["/protocol/rig"],
            simulated=bool(root["simulated"]),
            autopilot=None if int(root["autopilot"]) < 0 else int(root["autopilot"]),
            software=dict(root["software"]),
            rule=QualityRule.model_validate_json(self.rule),
            started_utc=datetime.fromisoformat(root["started_utc"]),
            experimenter=str(root.get("experimenter", "")),
            seed=int(root.get("seed", 0)),
            place=int(root.get("place", 0)),
            variables=dict(root.get("variables") or {}),
            resumed_from=str(root.get("resumed_from", "")),
            codec=str(root.get("codec", UNSAID)),
        )

    def ended_utc(self, newest: float) -> datetime:
        """Return the wall time of the newest record (LSL s)."""
        time, unix = self.wall
        if not math.isfinite(unix):
            time, unix = float(self.root["start_time"]), datetime.fromisoformat(self.root["started_utc"]).timestamp()
        return datetime.fromtimestamp(unix + max(0.0, newest - time if math.isfinite(newest) else 0.0), UTC)


class Replay:
    """Tells the data of a session once more.

    Parameters
    ----------
    account, told
        What is known of session.h5, and what was heard of it already.
    scribe
        Writes the new one.
    """

    def __init__(self, account: Account, told: Told, scribe: Scribe) -> None:
        self._account, self._scribe = account, scribe
        self._books = Ledger(list(told.specs.values()))
        self._specs = {
            f"/streams/{n}" if s.kind == "frames" else schema.signal_path(s): s for n, s in told.specs.items()
        }
        self._clocks = {schema.clock_name(spec) for spec in told.specs.values() if spec.kind == "frames"}
        self._heard = dict.fromkeys(self._clocks, -math.inf)  # arrival of the newest pair
        self._sound: dict[str, tuple[int, float]] = {}  # next sample due, arrival of the last block
        self._near: dict[str, deque[Gap]] = defaultdict(lambda: deque(maxlen=_NEAR))  # gaps of a stream, the newest
        self.reported: list[Gap] = []
        """The gaps of the session."""
        self.newest = -math.inf
        """LSL time (s) of the newest record."""
        self.unfit = 0
        """Lines that make no sense."""

    def run(self, trials: Iterable[CrashedTrial]) -> None:
        """Tell everything but the trials, whose pictures only lend the pairs of their last second."""
        for number, line in enumerate(self._account, 1):
            try:
                if isinstance(line, Mapping):
                    self._line(line)
            except (RecordingError, *UNREADABLE):
                self.unfit += 1
            if number % _FLUSH_LINES == 0:
                self._scribe.session.flush()
        self._add_pairs(trials)

    def _line(self, line: Mapping[str, Any]) -> None:
        path = line.get("path", "")
        if line["kind"] == "rows" and not path.startswith("/quality/"):
            self._rows(path, line["rows"])
        elif line["kind"] == "extend":
            arrays = {name: unpack(packed) for name, packed in line["arrays"].items()}
            if path.startswith("/clock/"):
                self._pairs(path.removeprefix("/clock/"), arrays["device_time"], arrays["arrival_time"])
                return
            if path == "/calibration":
                self._scribe.session.head_pictures(_head(arrays))
                return
            chunk = _chunk(self._specs[path], arrays)
            self._books.check(chunk)
            if isinstance(chunk, AudioBlock):
                self._sound_gap(chunk)
            self._scribe.record(chunk)
            self.newest = max(self.newest, chunk.arrival_time)

    def _rows(self, path: str, rows: Sequence[Sequence[Any]]) -> None:
        place, _, table = path.rpartition("/")
        for row in rows:
            if table == "gaps":
                self._gap(gap_of(self._specs[place].name, row))
            elif table == "clock_offsets":
                time, offset, uncertainty, segment = row
                measured = float(time), float(offset), float(uncertainty), int(segment)
                self._scribe.record(ClockOffset(self._specs[place].name, *measured))
            else:
                columns = schema.entry("session", path).columns
                values = tuple(_cell(value, column) for value, column in zip(row, columns, strict=True))
                self._scribe.session.rows(path, [values])
                if columns[0].name == "time":
                    self.newest = max(self.newest, float(values[0]))

    def _gap(self, gap: Gap) -> None:
        self.reported.append(gap)
        self._near[gap.stream].append(gap)
        self._scribe.record(gap)

    def _sound_gap(self, block: AudioBlock) -> None:
        """Enter samples that are missing before ``block`` and that nobody has told of: their line was damaged."""
        due, arrival = self._sound.get(block.stream, (block.first_sample, block.arrival_time))
        self._sound[block.stream] = (block.first_sample + len(block.samples), block.arrival_time)
        count = block.first_sample - due
        if count > 0 and not any(
            gap.start < block.arrival_time and not gap.stop <= arrival for gap in self._near[block.stream]
        ):
            numbers = due, block.first_sample - 1, count
            self._gap(Gap(block.stream, CAUSE, *numbers, arrival, block.arrival_time, LOST))

    def _pairs(self, clock: str, device: NDArray[Any], arrival: NDArray[Any]) -> None:
        if clock not in self._clocks or device.shape != arrival.shape or device.ndim != 1 or not len(device):
            raise ValueError(clock)
        self._scribe.session.pairs(clock, device.astype(np.float64), arrival.astype(np.float64))
        self._heard[clock] = max(self._heard[clock], float(np.nanmax(arrival)))

    def _add_pairs(self, trials: Iterable[CrashedTrial]) -> None:
        """Add the pairs that stand with the pictures only."""
        late: dict[str, list[tuple[float, float]]] = {}
        for trial in trials:
            for chunk in trial.chunks:
                self.newest = max(self.newest, chunk.arrival_time)
                clock = schema.clock_name(trial.specs[chunk.dataset.split("/")[1]])
                if chunk.arrival_time > self._heard[clock] and math.isfinite(chunk.device_time):
                    late.setdefault(clock, []).append((chunk.device_time, chunk.arrival_time))
        self._scribe.pairs({clock: sorted(rows, key=lambda pair: pair[1]) for clock, rows in late.items()})


def _head(arrays: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Return the small pictures of a head that were journalled."""
    color, depth = arrays["color"], arrays["depth"]
    is_fit = color.shape[:3] == depth.shape and color.shape[3:] == (3,)
    if not is_fit or (str(color.dtype), str(depth.dtype)) != ("uint8", "uint16"):
        raise ValueError(color.shape)
    return {"color": color, "depth": depth}


def _chunk(spec: StreamSpec, arrays: Mapping[str, NDArray[Any]]) -> AudioBlock | Samples:
    """Return the record whose arrays were journalled."""
    if spec.kind == "audio":
        first, adc, arrival = (arrays[f"blocks/{name}"][0] for name in ("first_sample", "adc_time", "arrival_time"))
        return AudioBlock(spec.name, arrays["samples"], int(first), float(adc), float(arrival))
    raw = arrays["raw_time"].astype(np.float64).reshape(-1)
    arrival, segment = arrays["arrival_time"][0], arrays["segment"][0]
    return Samples(spec.name, arrays["samples"], raw, float(arrival), int(segment))


def _cell(value: Any, column: schema.Column) -> Any:  # noqa: ANN401 - any value of a table
    """Return a value of a journalled row as it was before JSON."""
    if value is not None:
        return value
    return math.nan if column.dtype == "float64" else ""
