"""session.h5 as the recorder writes it.

All methods belong to the one thread that owns h5py.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labcapture.core.chunks import AudioBlock, ClockOffset, Gap, Samples, StreamSpec
from labcapture.core.fit import (
    ClockFit,
    SampleFit,
    correct_lsl,
    fit_device_clock,
    fit_sample_clock,
)
from labcapture.core.offsets import offset_figures
from labcapture.recording.folder import SessionHeader
from labcapture.recording.quality import Routing, StreamCounts, TrialVerdict
from labcapture.recording.schema import (
    SESSION_FILE,
    clock_name,
    entry,
    find,
    journal_path,
    signal_path,
    trial_path,
)
from labcapture.recording.store import Store, set_values
from labcapture.recording.tables import ASSIGNMENTS, SESSION_TABLES, STEPS
from labcapture.recording.trial_file import gap_row

Array = NDArray[np.float64]
_STEP_COLUMNS = tuple(column.name for column in STEPS)
_ASSIGNMENT_COLUMNS = tuple(column.name for column in ASSIGNMENTS)


class SessionFile(Store):
    """session.h5 while it is recorded.

    Parameters
    ----------
    folder, header, streams
        Of the session.
    start_time
        LSL time of ``header.started_utc``.
    """

    def __init__(self, folder: Path, header: SessionHeader, streams: Sequence[StreamSpec], start_time: float) -> None:
        super().__init__(folder, "session", SESSION_FILE, journal_path())
        self.streams = {spec.name: spec for spec in streams}
        self._offsets: list[ClockOffset] = []
        self.superseded: set[str] = set()
        """Trials that were taken again."""
        self.assigned: dict[str, str] = {}
        """Values that variables got."""
        try:
            self._build(header, start_time)
        except BaseException:
            self.discard()
            raise

    def _build(self, header: SessionHeader, start_time: float) -> None:
        state = {"start_time": start_time, "closed": False, "completed": False}
        self.values("/", {**header.identity(), **state, "part": "", "verdict": "", "reason": "", "error": ""})
        self.group("/protocol")
        self.text("/protocol/text", header.protocol_text)
        self.text("/protocol/rig", header.rig_text)
        for path in ("/streams", "/trials", "/clock", "/quality", "/calibration"):
            self.group(path)
        for path in SESSION_TABLES:
            self.table(path)
        self.values("/quality", {"rule": header.rule.model_dump_json(), "part": "", "verdict": "", "reason": ""})
        for path in ("/quality/counts", "/quality/windows", "/quality/verdicts"):
            self.table(path)
        for spec in self.streams.values():
            self._add_stream(spec)
        self.sync()

    def _add_stream(self, spec: StreamSpec) -> None:
        self.group(f"/streams/{spec.name}", spec)
        if spec.kind == "frames":
            self.table(f"/streams/{spec.name}/gaps")
            clock = f"/clock/{clock_name(spec)}"
            if clock not in self.file:
                self.group(clock)
                self.column(f"{clock}/device_time")
                self.column(f"{clock}/arrival_time")
            return
        path = signal_path(spec)
        self.group(path, spec)
        self.column(f"{path}/samples", spec.dtype, spec.shape).dataset.attrs["units"] = spec.units
        self.table(f"{path}/gaps")
        if spec.kind == "audio":
            self.group(f"{path}/blocks")
            for name in ("row", "first_sample", "adc_time", "arrival_time", "time", "time_uncertainty"):
                self.column(f"{path}/blocks/{name}")
        else:
            self.table(f"{path}/clock_offsets")
            for name in ("raw_time", "time", "time_uncertainty", "arrival_time", "segment"):
                self.column(f"{path}/{name}")

    # Streams ----------------------------------------------------------------------------------------------------------

    def audio(self, block: AudioBlock) -> None:
        """Append a block of sound."""
        path = signal_path(self.streams[block.stream])
        times = {
            "row": np.array([self.count(f"{path}/samples")], np.int64),
            "first_sample": np.array([block.first_sample], np.int64),
            "adc_time": np.array([block.adc_time]),
            "arrival_time": np.array([block.arrival_time]),
        }
        self.extend(path, {"samples": block.samples, **{f"blocks/{name}": array for name, array in times.items()}})

    def samples(self, chunk: Samples) -> None:
        """Append rows of an LSL stream."""
        path = signal_path(self.streams[chunk.stream])
        count = len(chunk.raw_time)
        rows = {
            "samples": chunk.values,
            "raw_time": chunk.raw_time,
            "arrival_time": np.full(count, chunk.arrival_time),
            "segment": np.full(count, chunk.segment, np.int64),
        }
        self.extend(path, rows)

    def offset(self, offset: ClockOffset) -> None:
        """Append a measurement of a sender's clock."""
        self._offsets.append(offset)
        path = signal_path(self.streams[offset.stream])
        self.rows(f"{path}/clock_offsets", [(offset.time, offset.offset, offset.uncertainty, offset.segment)])

    def gap(self, gap: Gap) -> None:
        """Append a gap to the table of its stream."""
        spec = self.streams[gap.stream]
        path = f"/streams/{spec.name}" if spec.kind == "frames" else signal_path(spec)
        self.rows(f"{path}/gaps", [gap_row(gap)])

    def pairs(self, clock: str, device_time: Array, arrival_time: Array) -> None:
        """Append pairs (n,) of a device clock."""
        self.extend(f"/clock/{clock}", {"device_time": device_time, "arrival_time": arrival_time})

    def head_pictures(self, pictures: Mapping[str, NDArray[Any]]) -> int:
        """Append small pictures of a head, ``color`` (1, h, w, 3) and ``depth`` (1, h, w); return their row."""
        for name, array in pictures.items():
            if f"/calibration/{name}" not in self.file:
                self.column(f"/calibration/{name}", tail=array.shape[1:])
        row = self.count("/calibration/color")
        self.extend("/calibration", pictures)
        return row

    # Trials -----------------------------------------------------------------------------------------------------------

    def rows(self, path: str, rows: Sequence[tuple[Any, ...]], *, derived: bool = False) -> None:
        """Add rows to a table; note which trials were taken again, and which values variables got."""
        super().rows(path, rows, derived=derived)
        if path == "/steps":
            told = [dict(zip(_STEP_COLUMNS, row, strict=True)) for row in rows]
            self.superseded |= {str(row["trial"]) for row in told if row["event"] == "supersede"}
        elif path == "/assignments":
            told = [dict(zip(_ASSIGNMENT_COLUMNS, row, strict=True)) for row in rows]
            self.assigned |= {str(row["variable"]): str(row["value"]) for row in told}

    def begin_trial(self, trial: str, start: float, values: Mapping[str, Any], streams: Iterable[str]) -> None:
        """Enter a trial, with links to its pictures of ``streams``."""
        path = f"/trials/{trial}"
        self.group(path)
        self.values(path, {**values, "start": start, "stop": math.nan})
        for name in streams:
            self.link(f"{path}/{name}", trial_path(trial), f"/{name}")

    def end_trial(self, trial: str, stop: float, values: Mapping[str, Any]) -> None:
        """Write when a trial ended, and how."""
        self.values(f"/trials/{trial}", {**values, "stop": stop})

    def judge_trial(self, trial: str, counts: Sequence[StreamCounts], verdict: TrialVerdict) -> None:
        """Write what a trial is worth."""
        for table, shown in (
            ("/quality/counts", [count for count in counts if not count.window]),
            ("/quality/windows", counts),
        ):
            names = [column.name for column in entry("session", table).columns[1:]]
            self.rows(table, [(trial, *(getattr(count, name) for name in names)) for count in shown])
        self.rows("/quality/verdicts", [(trial, verdict.annotatable, "\n".join(verdict.reasons))])

    # The end ----------------------------------------------------------------------------------------------------------

    def conclude(self, routing: Routing, completed: bool, error: str) -> None:
        """Write what is known only at the end - times, fits, where the session belongs - and close the file."""
        for spec in self.streams.values():
            if spec.kind == "audio":
                self._time_audio(spec)
            elif spec.kind == "samples":
                self._time_samples(spec)
        for clock in {clock_name(spec) for spec in self.streams.values() if spec.kind == "frames"}:
            path = f"/clock/{clock}"
            device, arrival = self.read(f"{path}/device_time"), self.read(f"{path}/arrival_time")
            if np.isfinite(device).any():
                self._fit(clock, fit_device_clock(device, arrival), {})
        where = {"part": routing.part, "verdict": routing.verdict, "reason": routing.reason}
        self.values("/quality", where)
        self.values("/", {**where, "completed": completed, "error": error})
        self.finish(self.counts())

    def _time_audio(self, spec: StreamSpec) -> None:
        path = f"{signal_path(spec)}/blocks"
        names = ("row", "first_sample", "adc_time", "arrival_time")
        row, first, adc, arrival = (self.read(f"{path}/{name}") for name in names)
        if not len(row):
            return
        count = self.count(f"{signal_path(spec)}/samples")
        fit: SampleFit = fit_sample_clock(first, np.diff(row, append=count), adc, arrival, spec.rate_hz)
        time, uncertainty = fit.to_lsl(first, arrival)
        self.extend(path, {"time": time, "time_uncertainty": uncertainty}, derived=True)
        figures = {"nominal_rate_hz": fit.nominal_rate_hz, "rate_hz": fit.rate_hz, "source": fit.source}
        self._fit(clock_name(spec), fit.clock, figures)

    def _time_samples(self, spec: StreamSpec) -> None:
        path = signal_path(spec)
        raw, segment = self.read(f"{path}/raw_time"), self.read(f"{path}/segment")
        time, uncertainty = np.full(len(raw), np.nan), np.full(len(raw), np.inf)
        most = 0
        for epoch in np.unique(segment):
            offsets = [o for o in self._offsets if o.stream == spec.name and o.segment == epoch]
            if offsets:  # without one a time would be a guess: NaN, known to plus or minus infinity
                mine = segment == epoch
                when, shift, spread = np.array([(o.time, o.offset, o.uncertainty) for o in offsets]).T
                time[mine], uncertainty[mine] = correct_lsl(raw[mine], when, shift, spread)
                if len(offsets) > most:  # the figures of the segment that was measured most often
                    most = len(offsets)
                    figures = {"pairs": most, **offset_figures(when, shift, spread), "offsets": f"{path}/clock_offsets"}
                    set_values(self.file.require_group(f"/clock/{clock_name(spec)}/fit"), figures)
        self.extend(path, {"time": time, "time_uncertainty": uncertainty}, derived=True)

    def _fit(self, clock: str, fit: ClockFit, figures: Mapping[str, Any]) -> None:
        group = self.file.require_group(f"/clock/{clock}/fit")
        for name, value in fit.to_arrays().items():
            path = f"/clock/{clock}/fit/{name}"
            if isinstance(value, np.ndarray) and find("session", path) is not None:
                self.column(path).extend(value)
            else:
                set_values(group, {name: value})
        set_values(group, figures)
