"""Parts of the stage that need no window: the film's decoder, the sound's clock, the breaking of lines."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labcapture.core.errors import StageError
from labcapture.protocol.manifest import Clip, Manifest
from labcapture.protocol.placeholders import make_placeholders, read_frame_number
from labcapture.stage.film import SOUND_RATE_HZ, Film, read_sound
from labcapture.stage.sound import Sound
from labcapture.stage.words import fold


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    manifest = Manifest(clips=(Clip(id="c", file="c.mp4", duration_s=3, emotion="fear"),))
    return make_placeholders(manifest, folder)[0].path


def test_film_gives_every_picture_once_and_in_order(clip: Path) -> None:
    film = Film(clip, (640, 640))
    assert film.shown_size == (640, 360)
    assert film.rate_hz == 30
    numbers, now, deadline = [], 0.0, time.monotonic() + 60
    while not film.is_over(now) and time.monotonic() < deadline:
        if film.starved:
            time.sleep(0.001)
            continue
        picture = film.at(now)
        if picture is not None:
            assert picture.time == pytest.approx(picture.index / 30)
            assert picture.pixels.shape == (360, 640, 3)
            numbers.append((picture.index, read_frame_number(picture.pixels)))
        now += 1 / 60
    film.close()
    assert numbers == [(i, i) for i in range(90)]
    assert now == pytest.approx(3.0, abs=2 / 60)
    assert film.frames == 90


def test_late_caller_gets_the_picture_that_is_due_now(clip: Path) -> None:
    film = Film(clip, (320, 180))
    first, later = film.at(0.0), film.at(0.51)
    assert film.at(0.51) is None
    assert first is not None
    assert later is not None
    assert (first.index, later.index) == (0, 15)
    film.close()


def test_damaged_film_is_told(clip: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.mp4"
    text.write_text("no film", encoding="utf-8")
    with pytest.raises(StageError, match="not a film that can be shown"):
        Film(text, (320, 180))
    with pytest.raises(StageError, match="not a film that can be shown"):
        Film(tmp_path / "nowhere.mp4", (320, 180))


def test_sound_track_has_the_length_of_the_film(clip: Path) -> None:
    samples = read_sound(clip)
    assert samples is not None
    assert samples.dtype == np.int16
    assert samples.shape[1] == 2
    assert len(samples) / SOUND_RATE_HZ == pytest.approx(3.0, abs=0.05)


def ramp(seconds: float = 1.0) -> Sound:
    count = round(seconds * SOUND_RATE_HZ)
    return Sound(np.repeat(np.arange(1, count + 1, dtype=np.int64).astype(np.int16)[:, None], 2, axis=1))


def test_sound_begins_with_the_sample_that_is_due() -> None:
    sound = ramp()
    assert not sound.fill(960, 100.0).any()
    sound.start = 100.03  # 1440 samples after 100.0
    before, first, second = sound.fill(960, 100.0), sound.fill(960, 100.02), sound.fill(960, 100.04)
    assert not before.any()
    assert not first[:480].any()
    assert list(first[480:483, 0]) == [1, 2, 3]
    assert second[0, 0] == 481


def test_sound_is_silent_in_a_hold_and_goes_on_where_it_was() -> None:
    sound = ramp()
    sound.start = 10.0
    assert sound.fill(960, 10.1)[0, 0] == 4801
    sound.start = None
    assert not sound.fill(960, 10.12).any()
    sound.start = 10.5  # held for half a second
    assert sound.fill(960, 10.62)[0, 0] == 5761
    assert sound.jumps == 0


@given(st.lists(st.floats(-0.02, 0.02), min_size=1, max_size=60))
def test_jitter_of_the_host_clock_never_cuts_or_repeats_a_sample(jitter: list[float]) -> None:
    sound = ramp(1.3)
    sound.start = 50.0
    times = [50.0 + 0.02 * i + (wobble if i else 0.0) for i, wobble in enumerate(jitter)]
    heard = np.concatenate([sound.fill(960, at)[:, 0] for at in times])
    assert np.array_equal(heard, np.arange(1, len(heard) + 1).astype(np.int16))


def test_sound_that_has_fallen_far_behind_jumps_and_says_so() -> None:
    sound = ramp()
    sound.start = 0.0
    sound.fill(960, 0.0)
    assert sound.fill(960, 0.3)[0, 0] == 14401
    assert sound.jumps == 1


CHINESE = "您将观看两段短片。请始终保持面部表情中性：一旦感到表情将要出现，请立即抑制。"


@given(st.text(alphabet="您将观看（两）段短片。，！ab c\n", max_size=80), st.floats(3, 40))
def test_folding_changes_nothing_but_blanks_and_breaks(text: str, width: float) -> None:
    assert "".join(fold(text, width).split()) == "".join(text.split())


def test_lines_never_begin_with_a_closing_mark_and_keep_within_the_width() -> None:
    for width in (6.0, 9.0, 14.0, 25.0):
        lines = fold(CHINESE, width).split("\n")
        assert len(lines) > 1
        assert all(line[0] not in "。，：" for line in lines)
        assert max(map(len, lines)) <= width


def test_words_are_not_torn() -> None:
    text = "Keep your face neutral and your eyes on the screen"
    folded = fold(text, 12)
    assert "\n" in folded
    assert folded.replace("\n", " ") == text


def test_short_text_stays_on_its_line() -> None:
    assert fold("Press the space bar to go on", 40) == "Press the space bar to go on"


def test_no_file_is_left_open(clip: Path) -> None:
    """A film that is stopped early lets its file go, else Windows could not move it."""
    film = Film(clip, (320, 180))
    film.close()
    clip.replace(clip.with_name("moved.mp4")).replace(clip)
