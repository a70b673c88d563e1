"""Checking the films of a lab: what is missing, damaged, another one, too long, too loud, or only a placeholder."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from labcapture.protocol.films import Checked, check_films, read_facts
from labcapture.protocol.manifest import Clip, Manifest

RATE_HZ = 25


def make_film(path: Path, seconds: float, level: float | None = 0.1, left_out: int | None = None) -> None:
    """Write a film with a 1 kHz tone of ``level`` (peak, of full scale); ``left_out`` is a picture that is missing."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=RATE_HZ, options={"preset": "ultrafast"})
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        sound = None if level is None else container.add_stream("aac", rate=48_000, layout="mono")
        for number in range(round(seconds * RATE_HZ)):
            if number == left_out:
                continue
            noise = np.random.default_rng(number).integers(0, 255, (48, 64, 3), dtype=np.uint8)
            picture = av.VideoFrame.from_ndarray(noise, format="rgb24")
            picture.pts, picture.time_base = number, Fraction(1, RATE_HZ)
            container.mux(video.encode(picture))
        container.mux(video.encode(None))
        if sound is not None and level is not None:
            wave = level * np.sin(2 * np.pi * 1000 * np.arange(round(seconds * 48_000)) / 48_000)
            block = av.AudioFrame.from_ndarray(wave.astype(np.float32)[np.newaxis], format="fltp", layout="mono")
            block.sample_rate, block.pts, block.time_base = 48_000, 0, Fraction(1, 48_000)
            container.mux(sound.encode(block))
            container.mux(sound.encode(None))


def clip(name: str, seconds: float = 3.0, sha256: str | None = None, invented: bool = False) -> Clip:
    return Clip(
        id=name, file=f"{name}.mp4", duration_s=seconds, emotion="fear", sha256=sha256, duration_is_placeholder=invented
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    make_film(folder / "good.mp4", 3)
    make_film(folder / "loud.mp4", 3, level=0.4)
    make_film(folder / "silent.mp4", 3, level=None)
    make_film(folder / "gap.mp4", 3, left_out=30)
    return folder


def check(folder: Path, *clips: Clip, rehearsal: bool = False) -> list[Checked]:
    return check_films(Manifest(clips=clips), folder, rehearsal=rehearsal)


def test_facts_are_those_of_the_film(folder: Path) -> None:
    facts = read_facts(clip("good"), folder / "good.mp4")
    assert (facts.frames, facts.size, facts.damage, facts.placeholder) == (75, (64, 48), (), False)
    assert facts.duration_s == pytest.approx(3)
    assert facts.rate_hz == pytest.approx(RATE_HZ)


def test_loudness_is_that_of_a_known_tone(folder: Path) -> None:
    """A 1 kHz sine of peak -20 dBFS in one channel measures -23 LUFS (EBU Tech 3341)."""
    good, loud = (read_facts(clip(n), folder / f"{n}.mp4").loudness_lufs for n in ("good", "loud"))
    assert good == pytest.approx(-23, abs=0.3)
    assert loud == pytest.approx(-23 + 20 * np.log10(4), abs=0.3)


def test_film_as_the_manifest_has_it_is_well(folder: Path) -> None:
    sha256 = read_facts(clip("good"), folder / "good.mp4").sha256
    (result,) = check(folder, clip("good", sha256=sha256))
    assert (result.problems, result.notes, result.is_well) == ([], [], True)


def test_what_is_not_known_yet_is_a_note(folder: Path) -> None:
    (result,) = check(folder, clip("good", seconds=60, invented=True))
    assert result.is_well
    assert result.notes == ["no SHA-256 in the manifest", "the length in the manifest is invented"]


def test_each_defect_is_named(folder: Path) -> None:
    results = check(folder, clip("absent"), clip("good", seconds=4, sha256="0" * 64), clip("gap"), clip("silent"))
    absent, other, gap, silent = results
    assert absent.problems == ["missing"]
    assert other.problems == [
        "another file than the manifest's (SHA-256 differs)",
        "3.00 s long, 4.00 s in the manifest",
    ]
    assert gap.problems == ["uneven frame rate: 1 intervals longer than 1.5 frames"]
    assert silent.is_well
    assert "no sound" in silent.notes


def test_clip_that_stands_out_by_its_loudness_is_noted(folder: Path) -> None:
    for name in ("a", "b"):
        (folder / f"{name}.mp4").write_bytes((folder / "good.mp4").read_bytes())
    *others, loud = check(folder, clip("a"), clip("b"), clip("good"), clip("loud"))
    assert any(note == "12.0 LU louder than the median of the clips" for note in loud.notes)
    assert not any("median" in note for result in others for note in result.notes)


def test_half_a_film_is_damaged(folder: Path) -> None:
    with (
        av.open(str(folder / "good.mp4")) as source,
        av.open(str(folder / "first.mp4"), "w", options={"movflags": "faststart"}) as target,
    ):  # its index first, so that a player opens what is left of it
        streams = {stream.index: target.add_stream_from_template(stream) for stream in source.streams}
        for packet in source.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                target.mux(packet)
    assert check(folder, clip("first"))[0].is_well
    for name in ("good", "first"):
        whole = (folder / f"{name}.mp4").read_bytes()
        (folder / "cut.mp4").write_bytes(whole[: len(whole) // 2])
        (result,) = check(folder, clip("cut"))
        assert not result.is_well, name


def test_what_is_no_film_is_told(folder: Path) -> None:
    (folder / "text.mp4").write_text("this is no film", encoding="utf-8")
    (result,) = check(folder, clip("text"))
    assert len(result.problems) == 1
    assert result.problems[0].startswith("cannot be read as a film (")


def test_picture_is_read(folder: Path) -> None:
    picture = Clip(id="picture", kind="image", file="picture.png")
    (folder / "picture.png").write_bytes(b"no picture")
    (result,) = check(folder, picture)
    assert result.problems == ["cannot be read as a picture (unknown format)"]
