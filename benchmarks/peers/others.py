"""What labs use today: a plain h5py script, video without loss, a folder of PNGs."""

# ruff: noqa: D102 - what the methods do is told by the class Peer
from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import h5py
import numpy as np

from benchmarks.peers.base import Pair, Queued, Read
from benchmarks.peers.frames import HEIGHT, WIDTH, Pixels


class H5pyGzip(Queued):
    """``create_dataset(..., compression="gzip", shuffle=True)``, and a row per frame; as in h5py's own guide."""

    def open(self) -> None:
        self._file = h5py.File(self.folder / "frames.h5", "w")
        how: dict[str, Any] = {"compression": "gzip", "shuffle": True}
        for name, shape, dtype in (("color", (HEIGHT, WIDTH, 3), "u1"), ("depth", (HEIGHT, WIDTH), "u2")):
            self._file.create_dataset(name, (0, *shape), dtype, maxshape=(None, *shape), chunks=(1, *shape), **how)
        self._file.create_dataset("number", (0,), "i8", maxshape=(None,), chunks=(1024,))

    def write(self, number: int, color: Pixels, depth: Pixels) -> None:
        for name, value in (("color", color), ("depth", depth), ("number", number)):
            dataset = self._file[name]
            dataset.resize(len(dataset) + 1, axis=0)
            dataset[-1] = value

    def finish(self) -> None:
        self._file.close()

    @classmethod
    def stored(cls, folder: Path) -> int:
        with h5py.File(folder / "frames.h5") as file:
            return len(file["number"])

    @classmethod
    def survivors(cls, folder: Path) -> Iterator[Pair]:
        with h5py.File(folder / "frames.h5") as file:
            for i in range(len(file["number"])):
                yield int(file["number"][i]), file["color"][i], file["depth"][i]

    @classmethod
    def reader(cls, folder: Path) -> tuple[int, Read]:
        file = h5py.File(folder / "frames.h5")
        return len(file["number"]), lambda i: (int(file["number"][i]), file["color"][i])


class Ffv1(Queued):
    """FFV1 version 3 in Matroska, colour and depth (gray16) in two files, every frame a key frame, four slices."""

    _BASE = Fraction(1, 30)

    def open(self) -> None:
        self._outputs = [self._output("color", "bgr0"), self._output("depth", "gray16le")]

    def _output(self, name: str, pixel_format: str) -> Any:  # noqa: ANN401 - container and stream
        container = av.open(str(self.folder / f"{name}.mkv"), "w")
        options = {"level": "3", "slices": "4", "slicecrc": "1", "g": "1"}
        stream = container.add_stream("ffv1", rate=30, options=options)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixel_format
        stream.codec_context.thread_count = 2
        stream.time_base = self._BASE
        return container, stream

    def write(self, number: int, color: Pixels, depth: Pixels) -> None:
        pictures = ((color, "rgb24"), (depth, "gray16le"))
        for (container, stream), (pixels, given) in zip(self._outputs, pictures, strict=True):
            frame = av.VideoFrame.from_ndarray(pixels, format=given)
            frame.pts, frame.time_base = number, self._BASE
            container.mux(stream.encode(frame))

    def finish(self) -> None:
        for container, stream in self._outputs:
            container.mux(stream.encode(None))
            container.close()

    @classmethod
    def stored(cls, folder: Path) -> int:
        counts = []
        for name in ("color", "depth"):
            with av.open(str(folder / f"{name}.mkv")) as container:
                counts.append(sum(packet.size > 0 for packet in container.demux(video=0)))
        return min(counts)

    @classmethod
    def survivors(cls, folder: Path) -> Iterator[Pair]:
        color, depth = (
            cls._decoded(folder / f"{name}.mkv", to) for name, to in (("color", "rgb24"), ("depth", "gray16le"))
        )
        for number in sorted(color.keys() & depth.keys()):
            yield number, color[number], depth[number]

    @classmethod
    def _decoded(cls, path: Path, pixel_format: str) -> dict[int, Pixels]:
        found: dict[int, Pixels] = {}
        try:
            with av.open(str(path)) as container:
                for frame in container.decode(video=0):
                    found[cls._number(frame)] = frame.to_ndarray(format=pixel_format)
        except (av.FFmpegError, OSError):
            pass  # cut off: what came until here counts
        return found

    @classmethod
    def _number(cls, frame: Any) -> int:  # noqa: ANN401 - a video frame
        return round(float(frame.pts * frame.time_base / cls._BASE))

    @classmethod
    def reader(cls, folder: Path) -> tuple[int, Read]:
        container = av.open(str(folder / "color.mkv"))
        stream = container.streams.video[0]
        place = [packet.pts for packet in container.demux(stream) if packet.size and packet.pts is not None]

        def read(i: int) -> tuple[int, Pixels]:
            container.seek(place[i], stream=stream)
            for frame in container.decode(stream):
                if frame.pts is not None and frame.pts >= place[i]:
                    return cls._number(frame), frame.to_ndarray(format="rgb24")
            raise LookupError(i)

        return len(place), read


class PngFolder(Queued):
    """``color/<number>.png`` and ``depth/<number>.png`` by OpenCV with its default compression, two threads."""

    writers = 2

    def open(self) -> None:
        for name in ("color", "depth"):
            (self.folder / name).mkdir()

    def write(self, number: int, color: Pixels, depth: Pixels) -> None:
        cv2.imwrite(str(self.folder / "color" / f"{number}.png"), cv2.cvtColor(color, cv2.COLOR_RGB2BGR))
        cv2.imwrite(str(self.folder / "depth" / f"{number}.png"), depth)

    def finish(self) -> None:
        pass

    @classmethod
    def _numbers(cls, folder: Path) -> list[int]:
        color, depth = ({int(path.stem) for path in (folder / name).glob("*.png")} for name in ("color", "depth"))
        return sorted(color & depth)

    @classmethod
    def stored(cls, folder: Path) -> int:
        return len(cls._numbers(folder))

    @classmethod
    def survivors(cls, folder: Path) -> Iterator[Pair]:
        for number in cls._numbers(folder):
            depth = cv2.imread(str(folder / "depth" / f"{number}.png"), cv2.IMREAD_UNCHANGED)
            color = cls._color(folder, number)
            if depth is not None and color is not None:
                yield number, color, np.asarray(depth)

    @classmethod
    def _color(cls, folder: Path, number: int) -> Pixels | None:
        picture = cv2.imread(str(folder / "color" / f"{number}.png"))
        return None if picture is None else cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)

    @classmethod
    def reader(cls, folder: Path) -> tuple[int, Read]:
        numbers = cls._numbers(folder)

        def read(i: int) -> tuple[int, Pixels]:
            color = cls._color(folder, numbers[i])
            if color is None:
                raise LookupError(i)
            return numbers[i], color

        return len(numbers), read
