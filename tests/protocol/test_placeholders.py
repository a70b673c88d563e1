"""Placeholder films: every frame is there, counted, in the right length; nothing is overwritten."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from labcapture.core.errors import BadInput
from labcapture.protocol.films import check_films
from labcapture.protocol.manifest import Clip, Manifest
from labcapture.protocol.placeholders import RATE_HZ, SOUND_RATE_HZ, TONE_HZ, make_placeholders, read_frame_number

SECONDS = 2.5
MANIFEST = Manifest(
    clips=(
        Clip(id="one", file="films/one.mp4", duration_s=SECONDS, emotion="fear"),
        Clip(id="two", file="two.mp4", duration_s=0.5, emotion="neutral"),
    )
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stimuli")
    seen: list[tuple[str, int, int]] = []
    films = make_placeholders(MANIFEST, folder, progress=lambda clip, done, of: seen.append((clip.id, done, of)))
    assert [(film.clip, film.frames, film.made) for film in films] == [("one", 75, True), ("two", 15, True)]
    assert seen == [("one", 30, 75), ("one", 60, 75), ("one", 75, 75), ("two", 15, 15)]
    assert sorted(p.name for p in folder.rglob("*") if p.is_file()) == ["one.mp4", "two.mp4"]  # no drafts
    return folder


def test_every_frame_is_there_and_tells_its_number(folder: Path) -> None:
    with av.open(str(folder / "films" / "one.mp4")) as film:
        assert film.streams.video[0].average_rate == RATE_HZ
        frames = [
            (frame.time, np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)) for frame in film.decode(video=0)
        ]
    assert [read_frame_number(pixels) for _, pixels in frames] == list(range(round(SECONDS * RATE_HZ)))
    assert np.allclose([time for time, _ in frames], np.arange(len(frames)) / RATE_HZ)


def test_tone_is_heard_at_each_full_second(folder: Path) -> None:
    blocks: list[Any] = []
    with av.open(str(folder / "films" / "one.mp4")) as film:
        blocks = [(frame.time, frame.to_ndarray()[0]) for frame in film.decode(audio=0)]
    sound = np.zeros(round((SECONDS + 1) * SOUND_RATE_HZ))
    for time, block in blocks:
        first = round(time * SOUND_RATE_HZ)
        sound[first : first + len(block)] = block
    loud = np.convolve(np.abs(sound), np.ones(480) / 480, "same") > 0.02
    onsets = np.flatnonzero(np.diff(loud.astype(int), prepend=0) == 1) / SOUND_RATE_HZ
    assert np.allclose(onsets, [0, 1, 2], atol=0.02)
    spectrum = np.abs(np.fft.rfft(sound[SOUND_RATE_HZ : SOUND_RATE_HZ + 9600]))
    assert np.argmax(spectrum) * SOUND_RATE_HZ / 9600 == pytest.approx(TONE_HZ, abs=5)


def test_existing_film_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "two.mp4").write_bytes(b"the lab's own film")
    assert [film.made for film in make_placeholders(MANIFEST, tmp_path, ["two"])] == [False]
    assert (tmp_path / "two.mp4").read_bytes() == b"the lab's own film"


def test_films_can_be_cut_short(tmp_path: Path) -> None:
    films = make_placeholders(MANIFEST, tmp_path, longest_s=1)
    assert [(film.clip, film.frames) for film in films] == [("one", 30), ("two", 15)]
    with pytest.raises(BadInput, match="no picture"):
        make_placeholders(MANIFEST, tmp_path / "none", longest_s=0)


def test_film_for_two_eyes_shows_the_same_frame_to_both(tmp_path: Path) -> None:
    clip = Clip(id="two_eyes", file="two_eyes.mp4", duration_s=0.2, emotion="fear", layout="side_by_side")
    make_placeholders(Manifest(clips=(clip,)), tmp_path)
    with av.open(str(tmp_path / "two_eyes.mp4")) as film:
        frames = [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in film.decode(video=0)]
    assert len(frames) == 6
    for number, frame in enumerate(frames):
        left, right = np.split(frame, 2, axis=1)
        assert read_frame_number(left) == read_frame_number(right) == number
        assert not np.array_equal(left, right)  # they see it from two places


def test_pictures_and_films_are_known_as_placeholders(tmp_path: Path) -> None:
    picture = Clip(id="picture", kind="image", file="picture.png", title="What lay on the table at the door?")
    manifest = Manifest(clips=(picture, Clip(id="film", file="film.mp4", duration_s=0.2, emotion="fear")))
    assert [film.frames for film in make_placeholders(manifest, tmp_path)] == [1, 6]
    for result in check_films(manifest, tmp_path, rehearsal=True):
        assert result.is_well
        assert result.notes == ["placeholder"]
        assert result.facts is not None
        assert result.facts.size == (1280, 720)
    assert all(
        "a placeholder, not the film" in result.problems for result in check_films(manifest, tmp_path, rehearsal=False)
    )


def test_failure_leaves_no_half_film(tmp_path: Path) -> None:
    def fail(_clip: Clip, _done: int, _of: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_placeholders(MANIFEST, tmp_path, ["one"], fail)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_unusable_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "films").write_text("a file where a folder should be", encoding="utf-8")
    with pytest.raises(BadInput, match="cannot write a film"):
        make_placeholders(MANIFEST, tmp_path, ["one"])
