"""What lies in the stimuli folder: whether it is the film that the manifest means, and plays to its end."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import av
import cv2
import numpy as np
from av.filter import Graph

from labcapture.core.errors import BadInput
from labcapture.protocol.manifest import Clip, Manifest

PLACEHOLDER_MARK = "labcapture placeholder"
"""Stands in every film and picture made to rehearse with: in the container's comment, or a text chunk of the PNG."""
LENGTH_TOLERANCE_S = 0.1  # between the manifest and the film: three frames at 30 per second
LOUDNESS_TOLERANCE_LU = 6.0  # from the median of the clips; a listener hears this as clearly louder
_SILENT_LUFS = -70.0  # absolute gate of EBU R 128: nothing louder was heard
_IRREGULAR = 1.5  # an interval of more than this many usual ones is a frame that is missing
_BLOCK = 1 << 20

Progress = Callable[[Clip, float], None]
"""Called with the clip and the share of it that has been read."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What a file in the stimuli folder is.

    ``duration_s`` runs from the first picture's onset to the last one's end; ``rate_hz`` is that of the pictures as
    they lie in the file. ``loudness_lufs`` is the integrated loudness (EBU R 128), None without sound or in silence. A
    picture has none of these.
    """

    sha256: str
    size: tuple[int, int]
    duration_s: float | None = None
    frames: int | None = None
    rate_hz: float | None = None
    loudness_lufs: float | None = None
    placeholder: bool = False
    damage: tuple[str, ...] = ()


@dataclass(slots=True)
class Checked:
    """What was found out about a clip: ``problems`` forbid a session, ``notes`` are worth knowing."""

    clip: str
    path: Path
    facts: Facts | None = None
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def is_well(self) -> bool:
        """Tell whether the clip can be shown."""
        return not self.problems


def film_seconds(path: Path) -> float:
    """Return how long the film at ``path`` says it is (s), without decoding it.

    Raises
    ------
    BadInput
        It is no film, or does not say.
    """
    try:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            if stream.duration is not None and stream.time_base is not None:
                return float(stream.duration * stream.time_base)
            if container.duration is not None:
                return container.duration / av.time_base
    except (OSError, IndexError, ValueError) as error:  # PyAV's own errors are OSErrors and ValueErrors
        raise BadInput(
            f"not a film that can be shown ({error})", str(path), "Run `labcapture stimuli check`."
        ) from error
    raise BadInput("the film does not say how long it is", str(path), "Remux it, for example with ffmpeg -c copy.")


def check_films(
    manifest: Manifest,
    folder: Path,
    ids: Iterable[str] | None = None,
    rehearsal: bool = False,
    progress: Progress | None = None,
) -> list[Checked]:
    """Hold the files of ``folder`` against the manifest; each film is decoded to its end.

    Parameters
    ----------
    manifest
        Gives file, SHA-256 and length of each clip.
    folder
        Where the films lie.
    ids
        The clips wanted; all of the manifest if None.
    rehearsal
        Whether films and pictures made to rehearse with will do, of whatever length.
    progress
        Told how far each clip has been read.

    Raises
    ------
    BadInput
        A clip is not in the manifest.
    """
    clips = manifest.clips if ids is None else [manifest.clip(clip_id) for clip_id in ids]
    results = [_check(clip, folder / clip.file, rehearsal, progress) for clip in clips]
    loud = {r.clip: r.facts.loudness_lufs for r in results if r.facts and r.facts.loudness_lufs is not None}
    middle = median(loud.values()) if loud else 0.0
    for result in results:
        if abs(off := loud.get(result.clip, middle) - middle) > LOUDNESS_TOLERANCE_LU:
            result.notes.append(f"{abs(off):.1f} LU {'louder' if off > 0 else 'softer'} than the median of the clips")
    return results


def _check(clip: Clip, path: Path, rehearsal: bool, progress: Progress | None) -> Checked:
    result = Checked(clip.id, path)
    if not path.is_file():
        result.problems.append("missing")
        return result
    try:
        facts = result.facts = read_facts(clip, path, progress)
    except BadInput as error:
        result.problems.append(error.what)
        return result
    result.problems += facts.damage
    if facts.placeholder:
        own = clip.source == "placeholder"
        if rehearsal or own:
            result.notes.append("placeholder")
            return result
        result.problems.append("a placeholder, not the film")
    if clip.sha256 is None:
        result.notes.append("no SHA-256 in the manifest")
    elif clip.sha256 != facts.sha256:
        result.problems.append("another file than the manifest's (SHA-256 differs)")
    if facts.duration_s is not None:
        _compare_lengths(clip, facts.duration_s, result)
        if facts.loudness_lufs is None:
            result.notes.append("no sound")
    return result


def _compare_lengths(clip: Clip, duration_s: float, result: Checked) -> None:
    if clip.duration_is_placeholder:
        result.notes.append("the length in the manifest is invented")
    elif abs(duration_s - clip.duration_s) > LENGTH_TOLERANCE_S:
        result.problems.append(f"{duration_s:.2f} s long, {clip.duration_s:.2f} s in the manifest")


def read_facts(clip: Clip, path: Path, progress: Progress | None = None) -> Facts:
    """Read the file of a clip from its first byte to its last, and a film to its last picture.

    Raises
    ------
    BadInput
        The file cannot be read, or is no film or picture.
    """
    try:
        sha256 = file_sha256(path)
        return _picture_facts(path, sha256) if clip.kind == "image" else _film_facts(clip, path, sha256, progress)
    except (OSError, ValueError, IndexError) as error:  # PyAV's own errors are OSErrors and ValueErrors
        reason = getattr(error, "strerror", None) or error
        raise BadInput(
            f"cannot be read as a {'picture' if clip.kind == 'image' else 'film'} ({reason})", str(path)
        ) from error


def file_sha256(path: Path, between: Callable[[], None] = lambda: None) -> str:
    """Return the SHA-256 of a file; ``between`` is called between two blocks, and may raise to end it."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            between()
            digest.update(block)
    return digest.hexdigest()


def is_placeholder(clip: Clip, path: Path) -> bool:
    """Return whether the film or picture at ``path`` was only made to rehearse with.

    Raises
    ------
    BadInput
        It cannot be read.
    """
    try:
        if clip.kind == "image":
            with path.open("rb") as file:
                return PLACEHOLDER_MARK.encode() in file.read(_BLOCK)
        with av.open(str(path)) as container:
            return _is_marked(container)
    except (OSError, ValueError) as error:  # PyAV's own errors are OSErrors and ValueErrors
        raise BadInput(f"cannot be read ({error})", str(path), "Run `labcapture stimuli check`.") from error


def _is_marked(container: av.container.InputContainer) -> bool:
    return PLACEHOLDER_MARK in container.metadata.get("comment", "")


def _picture_facts(path: Path, sha256: str) -> Facts:
    data = path.read_bytes()
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    if pixels is None:
        raise ValueError("unknown format")
    height, width = pixels.shape[:2]
    return Facts(sha256, (width, height), placeholder=PLACEHOLDER_MARK.encode() in data[:_BLOCK])


def _film_facts(clip: Clip, path: Path, sha256: str, progress: Progress | None) -> Facts:
    times: list[float] = []
    corrupt = 0
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        video.thread_type = "AUTO"
        sound = container.streams.audio[0] if container.streams.audio else None
        meter = None if sound is None else _Meter(sound)
        declared_s = _declared_s(container, video)
        damage: list[str] = []
        try:
            for frame in container.decode(*([video] if sound is None else [video, sound])):
                corrupt += frame.is_corrupt
                if isinstance(frame, av.VideoFrame):
                    times.append(float(frame.time or 0))
                    if progress is not None and len(times) % 30 == 0 and declared_s > 0:
                        progress(clip, min(1.0, times[-1] / declared_s))
                elif meter is not None:
                    meter.hear(frame)
        except (OSError, ValueError) as error:
            damage.append(f"breaks off after {len(times)} pictures ({getattr(error, 'strerror', None) or error})")
        size, placeholder = (video.width, video.height), _is_marked(container)
    if not times:
        raise ValueError("no picture in it")
    if corrupt:
        damage.append(f"{corrupt} damaged pictures or blocks of sound")
    steps = np.diff(times)
    usual = float(np.median(steps)) if len(steps) else 0.0
    duration_s = times[-1] - times[0] + usual
    if declared_s - duration_s > LENGTH_TOLERANCE_S and not damage:
        damage.append(f"ends after {duration_s:.2f} of {declared_s:.2f} s")
    if usual <= 0 or steps.min() <= 0:
        damage.append("its pictures have no times in order")
    elif late := int((steps > _IRREGULAR * usual).sum()):
        damage.append(f"uneven frame rate: {late} intervals longer than {_IRREGULAR:g} frames")
    loudness = None if meter is None else meter.loudness_lufs()
    rate = 1 / float(np.mean(steps)) if len(steps) and steps.mean() > 0 else None
    return Facts(sha256, size, duration_s, len(times), rate, loudness, placeholder, tuple(damage))


def _declared_s(container: av.container.InputContainer, video: av.VideoStream) -> float:
    """Return the length that the file claims for its pictures (s), 0 if it claims none."""
    if video.duration is not None and video.time_base is not None:
        return float(video.duration * video.time_base)
    return 0.0 if container.duration is None or container.streams.audio else container.duration / av.time_base


class _Meter:
    """Integrated loudness by EBU R 128, as FFmpeg measures it."""

    def __init__(self, sound: av.AudioStream) -> None:
        self._graph = Graph()
        nodes = (
            self._graph.add_abuffer(template=sound),
            self._graph.add("ebur128", "metadata=1"),
            self._graph.add("abuffersink"),
        )
        self._graph.link_nodes(*nodes).configure()
        self._lufs = _SILENT_LUFS

    def hear(self, frame: av.AudioFrame | None) -> None:
        """Add a block of sound, or flush with None."""
        self._graph.push(frame)
        while True:
            try:
                measured = self._graph.pull()
            except (BlockingIOError, EOFError):  # it wants more, or has told all
                return
            self._lufs = float(measured.metadata.get("lavfi.r128.I", self._lufs))

    def loudness_lufs(self) -> float | None:
        """Return the loudness of all that was heard; None if nothing was."""
        self.hear(None)
        return self._lufs if self._lufs > _SILENT_LUFS else None
