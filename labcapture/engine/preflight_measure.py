"""What preflight measures: every stream for some seconds, and the machine meanwhile. It judges nothing."""

from __future__ import annotations

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from numpy.typing import NDArray

from labcapture.core.cancelling import NEVER, Cancellation
from labcapture.core.chunks import AudioBlock, Chunk, ClockOffset, Frame, Gap, Samples, StreamSpec
from labcapture.core.clock import lsl_time
from labcapture.core.errors import RecordingError
from labcapture.recording import encodings
from labcapture.recording.ledger import size
from labcapture.recording.quality import GapTracker

_KEPT_PICTURES = 6  # of each stream, to see how well they compress
_WRITTEN_BYTES = 64 * 2**20
FULL_SCALE = 32768.0


@dataclass
class StreamMeasure:
    """What came of one stream. Chunks come from its device's thread; the rest reads it when that has ended."""

    spec: StreamSpec
    device: str
    received: int = 0
    times: list[tuple[float, int]] = field(default_factory=list)  # arrival (LSL s), frames or samples
    device_times: list[float] = field(default_factory=list)
    metadata: list[Mapping[str, int]] = field(default_factory=list)
    pictures: list[NDArray[Any]] = field(default_factory=list)
    blocks: list[NDArray[Any]] = field(default_factory=list)
    adc_times: list[float] = field(default_factory=list)
    gaps: list[Gap] = field(default_factory=list)
    uncertainty_s: float | None = None

    def __post_init__(self) -> None:
        self._tracker = GapTracker(self.spec) if self.spec.kind == "frames" else None

    def take(self, chunk: Chunk) -> None:
        """Count a chunk."""
        if isinstance(chunk, Gap):
            self.gaps.append(chunk)
            return
        if isinstance(chunk, ClockOffset):
            self.uncertainty_s = chunk.uncertainty
            return
        self.received += size(chunk)
        self.times.append((chunk.arrival_time, size(chunk)))
        if isinstance(chunk, Frame):
            gap = self._tracker.update(chunk) if self._tracker else None
            if gap is not None:
                self.gaps.append(gap)
            self.device_times.append(chunk.device_time)
            self.metadata.append(chunk.metadata)
            if len(self.pictures) < _KEPT_PICTURES:
                self.pictures.append(chunk.pixels)
        elif isinstance(chunk, AudioBlock):
            self.blocks.append(chunk.samples)
            self.adc_times.append(chunk.adc_time)
        elif isinstance(chunk, Samples):
            self.blocks.append(chunk.values)

    def begin(self) -> None:
        """Forget what came so far: the first moments of a device are not typical."""
        self.received = 0
        for kept in (
            self.times,
            self.device_times,
            self.metadata,
            self.pictures,
            self.blocks,
            self.adc_times,
            self.gaps,
        ):
            kept.clear()

    @property
    def values(self) -> NDArray[Any]:
        """All samples, (n, channels)."""
        return np.concatenate(self.blocks) if self.blocks else np.empty((0, *self.spec.shape))

    @property
    def rate_hz(self) -> float:
        """Frames or samples per second, by the slope of their count over arrival."""
        if len(self.times) < 3:
            return 0.0
        table = np.array(self.times)
        at, counts = table[:, 0] - table[:, 0].mean(), np.cumsum(table[:, 1])
        return float(at @ counts / (at @ at)) if np.any(at) else 0.0


@dataclass
class MachineMeasure:
    """What the machine did meanwhile."""

    out: Path
    free_bytes: int = 0
    write_bytes_per_s: float = 0.0
    write_error: str = ""
    cores: int = 1
    cores_busy: float = 0.0
    clock_step_s: float = 0.0
    now: datetime = field(default_factory=lambda: datetime.now(UTC))


class Ear:
    """Takes the chunks of all streams, and finds out whether each of them flows."""

    def __init__(self, streams: Iterable[tuple[StreamSpec, str]]) -> None:
        self.streams = {spec.name: StreamMeasure(spec, device) for spec, device in streams}
        self._lock = threading.Lock()
        self._open = True

    def emit(self, chunk: Chunk) -> None:
        """Take a chunk from a device's thread."""
        with self._lock:
            if self._open:
                self.streams[chunk.stream].take(chunk)

    def begin(self) -> None:
        """Start measuring."""
        with self._lock:
            for stream in self.streams.values():
                stream.begin()

    def end(self) -> None:
        """Take in nothing more."""
        with self._lock:
            self._open = False

    def silent(self) -> list[str]:
        """Return the streams that have delivered nothing though they have a rate."""
        return [name for name, stream in self.streams.items() if stream.received == 0 and stream.spec.rate_hz > 0]


class MachineMeter:
    """Measures the machine from `begin` to `end`."""

    def __init__(self, out: Path) -> None:
        self._out = out
        self._wall_less_lsl = 0.0

    def begin(self) -> None:
        """Start."""
        psutil.cpu_percent()
        self._wall_less_lsl = time.time() - lsl_time()

    def end(self, cancelled: Cancellation) -> MachineMeasure:
        """Return what was measured; then write a file to see how fast that is."""
        cores = psutil.cpu_count() or 1
        busy = psutil.cpu_percent() / 100 * cores
        step = (time.time() - lsl_time()) - self._wall_less_lsl
        standing = next(folder for folder in (self._out, *self._out.resolve().parents) if folder.is_dir())
        measure = MachineMeasure(standing, shutil.disk_usage(standing).free, cores=cores, cores_busy=busy)
        measure.clock_step_s = step
        try:
            measure.write_bytes_per_s = write_speed(standing, min(_WRITTEN_BYTES, measure.free_bytes // 4), cancelled)
        except OSError as error:
            measure.write_error = error.strerror or type(error).__name__
        return measure


def write_speed(folder: Path, nbytes: int, cancelled: Cancellation = NEVER) -> float:
    """Return bytes per second at which ``nbytes`` reach the disk of ``folder``; nothing is left there."""
    block = np.random.default_rng(0).bytes(2**20)
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".labcapture-preflight-") as file:
        began = time.perf_counter()
        for _ in range(max(1, nbytes // len(block))):
            cancelled.check()
            file.write(block)
        file.flush()
        os.fsync(file.fileno())
        return max(1, nbytes // len(block)) * len(block) / (time.perf_counter() - began)


@dataclass(frozen=True)
class Encoding:
    """What it takes to store all streams; as they are where ``fault`` says that pictures cannot be encoded here."""

    bytes_per_s: float
    cores: float
    fault: str = ""
    mend: str = ""


def encoding(streams: Sequence[StreamMeasure], codec: str) -> Encoding:
    """Return what the streams need, by encoding the pictures that were kept; each must come back as it was."""
    fault, mend = _fault(streams, codec)
    if fault:
        raw = sum(stream.spec.element_bytes * stream.spec.rate_hz for stream in streams)
        return Encoding(raw, 0.0, fault, mend)
    encode = encodings.of(codec).encode
    nbytes = cores = 0.0
    for stream in streams:
        rate = stream.spec.rate_hz
        if not stream.pictures:
            nbytes += stream.spec.element_bytes * rate
            continue
        began = time.thread_time()
        lengths = [len(encode(picture)) for picture in stream.pictures]
        cores += (time.thread_time() - began) / len(lengths) * rate
        nbytes += float(np.mean(lengths)) * rate
    return Encoding(nbytes, cores)


def _fault(streams: Sequence[StreamMeasure], codec: str) -> tuple[str, str]:
    """Return why pictures cannot be encoded, and how to mend it; nothing where they can."""
    try:
        it = encodings.ready(codec)
        for stream in streams:
            for picture in stream.pictures:
                if why := encodings.fault(it, picture):
                    return f"{stream.spec.name}: {why}", "Set 'codec' in the rig file to another one."
    except RecordingError as error:
        return f"{error.where}: {error.what}", error.mend
    return "", ""
