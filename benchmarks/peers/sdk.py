"""The SDK's own recorder, ``rs.recorder``, around a software device."""

# ruff: noqa: D102 - what the methods do is told by the class Peer
from __future__ import annotations

import contextlib
import datetime
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyrealsense2 as rs  # type: ignore[import-untyped]  # ships no types

from benchmarks.peers.base import Pair, Peer, Read
from benchmarks.peers.frames import HEIGHT, RATE_HZ, WIDTH, Pixels
from labcapture.devices.simulated import d415

_SIZE = (WIDTH, HEIGHT, int(RATE_HZ))
_FILE = "camera.db3"
_PATIENCE_MS = 2000
_SEEKABLE = 0.95  # no frame comes after a seek to the very end


class SdkRecorder(Peer):
    """It has a queue of its own (249 MB in 2.59) and says of a full one only in its log."""

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        del limit_bytes  # the SDK's own is fixed
        device, offered = d415.build("SIMULATED")
        self._recorder: Any = rs.recorder(str(folder / _FILE), device)
        self._queue = rs.frame_queue(1)
        self._sensors: list[Any] = list(self._recorder.query_sensors())
        for sensor in self._sensors:
            for profile in sensor.get_stream_profiles():
                video = profile.as_video_stream_profile()
                if (video.width(), video.height(), video.fps()) == _SIZE:
                    sensor.open(profile)
                    break
            sensor.start(self._queue)
        self._ports = {
            stream: (sensor, profiles[_SIZE].as_video_stream_profile(), d415.FORMATS[stream].bytes_per_pixel)
            for stream, (sensor, profiles) in offered.items()
        }

    def offer(self, number: int, color: Pixels, depth: Pixels) -> None:
        pictures: dict[d415.Stream, Pixels] = {"depth": depth, "color": color}
        for stream, pixels in pictures.items():
            sensor, profile, width = self._ports[stream]
            frame = rs.software_video_frame()
            frame.bpp, frame.stride, frame.profile, frame.pixels = width, WIDTH * width, profile, pixels
            frame.depth_units = d415.DEPTH_UNITS if stream == "depth" else 0.0
            frame.frame_number, frame.timestamp = number, 1000 + number * 1000 / RATE_HZ
            frame.domain = rs.timestamp_domain.hardware_clock
            sensor.set_metadata(rs.frame_metadata_value.frame_counter, number)
            sensor.on_video_frame(frame)

    def waiting(self) -> float | None:
        return None

    def close(self) -> dict[str, int]:
        for sensor in self._sensors:
            sensor.stop()
            sensor.close()
        self._sensors.clear()
        self._ports.clear()
        self._recorder = None  # the file is complete when nothing holds the recorder
        return {}

    @classmethod
    def stored(cls, folder: Path) -> int:
        query = (
            "select count(*) from messages join topics on topics.id = messages.topic_id "
            "where topics.type = 'sensor_msgs/msg/CompressedImage' group by topics.name"
        )
        with contextlib.closing(sqlite3.connect(folder / _FILE)) as file:
            counts = [int(count) for (count,) in file.execute(query)]
        return min(counts) if len(counts) == 2 else 0

    @classmethod
    def survivors(cls, folder: Path) -> Iterator[Pair]:
        playback, queue = cls._opened(folder, ("color", "depth"))
        pictures: dict[int, dict[Any, Pixels]] = {}
        while True:
            found, frame = queue.try_wait_for_frame(_PATIENCE_MS)
            if not found:
                break
            number = frame.get_frame_number()
            pair = pictures.setdefault(number, {})
            pair[frame.get_profile().stream_type()] = np.asarray(frame.get_data()).copy()
            if len(pair) == 2:
                del pictures[number]
                yield number, pair[rs.stream.color], pair[rs.stream.depth]
        del playback

    @classmethod
    def _opened(cls, folder: Path, streams: tuple[str, ...]) -> tuple[Any, Any]:
        playback = rs.context().load_device(str(folder / _FILE)).as_playback()
        playback.set_real_time(False)
        queue = rs.frame_queue(8, True)
        for sensor in playback.query_sensors():
            for profile in sensor.get_stream_profiles():
                if profile.stream_type().name in streams:
                    sensor.open(profile)
                    sensor.start(queue)
        return playback, queue

    @classmethod
    def reader(cls, folder: Path) -> tuple[int, Read]:
        playback, queue = cls._opened(folder, ("color",))
        count, length = cls.stored(folder), playback.get_duration()

        def read(i: int) -> tuple[int, Pixels]:
            playback.pause()
            while queue.poll_for_frame():
                pass
            playback.seek(datetime.timedelta(seconds=length.total_seconds() * _SEEKABLE * i / count))
            playback.resume()
            frame = queue.wait_for_frame(15000)
            return frame.get_frame_number(), np.asarray(frame.get_data()).copy()

        return count, read
