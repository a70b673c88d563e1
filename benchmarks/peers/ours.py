"""The real `Recorder`, as the engine uses it."""

# ruff: noqa: D102 - what the methods do is told by the class Peer
from __future__ import annotations

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import h5py
import numpy as np

import labcapture  # noqa: F401 - teaches h5py our pictures
from benchmarks.peers.base import Pair, Peer, Read
from benchmarks.peers.frames import HEIGHT, RATE_HZ, WIDTH, Pixels
from labcapture.core.chunks import Frame, StreamSpec
from labcapture.core.clock import lsl_time
from labcapture.protocol.rule import QualityRule
from labcapture.recording import encodings
from labcapture.recording.journal import JournalReader, digest
from labcapture.recording.recorder import Recorder, SessionHeader, create_folder
from labcapture.recording.schema import journal_path, trial_path

COLOR = StreamSpec("color", "frames", "uint8", (HEIGHT, WIDTH, 3), "", RATE_HZ, clock="camera", simulated=True)
DEPTH = StreamSpec("depth", "frames", "uint16", (HEIGHT, WIDTH), "", RATE_HZ, clock="camera", simulated=True)
TRIAL = "01_a"
KEYS = ("sensor_timestamp", "frame_timestamp", "backend_timestamp", "time_of_arrival", "actual_exposure", "gain_level")


class Labcapture(Peer):
    """One trial of a session; the folder holds the session's folder."""

    codec = encodings.DEFAULT

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        header = SessionHeader(
            *("P000", "1", "peers", "none", "", "peers", "", "en", True, None, {}, QualityRule(), datetime.now(UTC)),
            codec=self.codec,
        )
        self._recorder = Recorder(create_folder(folder, header), header, (COLOR, DEPTH), queue_bytes=limit_bytes)
        self._limit = limit_bytes
        self._recorder.open_trial(TRIAL)

    def offer(self, number: int, color: Pixels, depth: Pixels) -> None:
        now = lsl_time()
        for name, pixels in (("color", color), ("depth", depth)):
            metadata = {key: int(now * 1e6) + i for i, key in enumerate(KEYS)}
            self._recorder.offer(Frame(name, pixels, number, now - 1000, now, metadata))

    def waiting(self) -> float | None:
        return self._recorder.status().queue_bytes / self._limit

    def close(self) -> dict[str, int]:
        self._recorder.close_trial(lsl_time())
        summary = self._recorder.close(completed=True)
        if summary["error"]:
            raise RuntimeError(summary["error"])
        return {"raw_pictures": summary["raw_frames"]}

    @classmethod
    def _session(cls, folder: Path) -> Path:
        return next(path for path in folder.iterdir() if (path / "session.h5").is_file())

    @classmethod
    def stored(cls, folder: Path) -> int:
        with h5py.File(cls._session(folder) / trial_path(TRIAL)) as file:
            common = np.intersect1d(file["color/frame_number"][:], file["depth/frame_number"][:])
        return len(common)

    @classmethod
    def survivors(cls, folder: Path) -> Iterator[Pair]:
        """Pairs of which the journal tells, whose bytes are there and have its digests."""
        session, codec = cls._session(folder), encodings.of(cls.codec)
        found: dict[int, dict[str, Pixels]] = {}
        data = (session / trial_path(TRIAL)).read_bytes()
        for chunk in JournalReader(session / journal_path(TRIAL)).chunks():
            stored = data[chunk.offset : chunk.offset + chunk.size]
            if digest(stored) != chunk.digest:
                continue
            spec = COLOR if chunk.dataset == "/color/frames" else DEPTH
            pixels = encodings.decode(codec, stored, chunk.filter_mask, np.dtype(spec.dtype), spec.shape)
            pair = found.setdefault(chunk.frame_number, {})
            pair[spec.name] = pixels
            if len(pair) == 2:
                yield chunk.frame_number, pair["color"], pair["depth"]
                del found[chunk.frame_number]

    @classmethod
    def reader(cls, folder: Path) -> tuple[int, Read]:
        encodings.ready(cls.codec)  # teaches h5py those pictures, too
        stack = contextlib.ExitStack()
        file = stack.enter_context(h5py.File(cls._session(folder) / trial_path(TRIAL)))
        pictures, numbers = file["color/frames"], file["color/frame_number"][:]
        return len(pictures), lambda i: (int(numbers[i]), pictures[i])


class JpegXl(Labcapture):
    """The same, by a rig whose pictures are ``jxl``."""

    codec = "jxl"


class Blosc2(Labcapture):
    """The same, by a rig whose pictures are ``blosc2``."""

    codec = "blosc2"
