"""The stimuli manifest: the shipped one against the papers, and what is wrong in a lab's own."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from labcapture.core.errors import BadInput
from labcapture.protocol.manifest import Manifest, find_films, find_manifest, load_manifest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def shipped() -> Manifest:
    return load_manifest(ROOT / "stimuli_manifest.yaml")


def test_casme3_slots_are_as_published(shipped: Manifest) -> None:
    """Li et al. 2022: clips per emotion, 34 to 144 s, 21.27 minutes in all."""
    slots = [clip for clip in shipped.clips if clip.id.startswith("casme3_")]
    assert Counter(c.emotion for c in slots) == {"disgust": 2, "fear": 4, "sadness": 3, "anger": 2, "happiness": 2}
    assert min(clip.duration_s for clip in slots) == 34
    assert max(clip.duration_s for clip in slots) == 144
    assert sum(clip.duration_s for clip in slots) == pytest.approx(21.27 * 60)
    assert all(clip.duration_is_placeholder for clip in slots)


def test_casme_ratings_are_as_published(shipped: Manifest) -> None:
    """Yan et al. 2013, Table VI."""
    episodes = [clip for clip in shipped.clips if clip.id.startswith("casme_")]
    assert len(episodes) == 17
    assert all(60 <= clip.duration_s <= 240 and clip.duration_is_placeholder for clip in episodes)
    assert {r.scale for clip in episodes for r in clip.ratings} == {(0, 6)}
    assert [[(r.emotion, r.share, r.mean) for r in clip.ratings] for clip in episodes] == [
        [("amusement", 0.69, 3.27)],
        [("amusement", 0.71, 3.6)],
        [("amusement", 0.70, 3.14)],
        [("amusement", 0.64, 4.43)],
        [("disgust", 0.81, 4.15)],
        [("disgust", 0.69, 4.18)],
        [("disgust", 0.78, 4)],
        [("disgust", 0.81, 3.23)],
        [("fear", 0.63, 2.9)],
        [("fear", 0.67, 2.83)],
        [],
        [("disgust", 0.60, 3.78), ("fear", 0.33, 0.28)],
        [("sadness", 0.71, 4.08)],
        [("sadness", 1, 5)],
        [("anger", 0.69, 4.33), ("sadness", 0.61, 0.62)],
        [("anger", 0.75, 4.67)],
        [("anger", 0.94, 4.93)],
    ]


def test_pictures_and_perception_slots_are_there(shipped: Manifest) -> None:
    """Nine groups of questions; 30 samples and 3 to practise, each flat and for two eyes (Li et al. 2022)."""
    assert sum(clip.kind == "image" for clip in shipped.clips) == 9
    for view, layout in (("flat", "flat"), ("stereo", "side_by_side")):
        slots = [clip for clip in shipped.clips if clip.id.startswith(f"perception_{view}_")]
        assert len(slots) == 33
        assert sum("practice" in clip.id for clip in slots) == 3
        assert {clip.layout for clip in slots} == {layout}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{id: a, file: a.mp4, emotion: fear}", "film 'a' has no duration_s"),
        ("{id: a, file: a.mp4, duration_s: 1}", "film 'a' has no emotion"),
        ("{id: a, kind: image, file: a.png, duration_s: 1}", "'a' is a picture and has no duration_s"),
    ],
)
def test_incomplete_entry_is_refused(tmp_path: Path, entry: str, message: str) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(f"clips:\n  - {entry}\n", encoding="utf-8")
    with pytest.raises(BadInput, match=rf"m.yaml:2: .*{message}"):
        load_manifest(path)


def test_unknown_clip_is_told_with_a_near_one(shipped: Manifest) -> None:
    with pytest.raises(BadInput, match=r"'rehersal_neutral' is not in the stimuli manifest.*'rehearsal_neutral'"):
        shipped.clip("rehersal_neutral")


def test_missing_films_are_told_all_at_once(shipped: Manifest, tmp_path: Path) -> None:
    (tmp_path / "rehearsal").mkdir()
    (tmp_path / "rehearsal" / "neutral.mp4").touch()
    wanted = ("rehearsal_neutral", "rehearsal_happiness", "casme_01")
    with pytest.raises(
        BadInput, match=r"no film for 2 of 3 clips: rehearsal_happiness .*casme_01.*stimuli placeholders"
    ):
        find_films(shipped, tmp_path, wanted)
    assert find_films(shipped, tmp_path, wanted[:1]) == {wanted[0]: tmp_path / "rehearsal" / "neutral.mp4"}


@pytest.mark.parametrize("file", ["../a.mp4", "/etc/a.mp4", "C:/a.mp4", r"x\a.mp4", ""])
def test_film_outside_the_folder_is_refused(tmp_path: Path, file: str) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(f"clips:\n  - id: a\n    file: '{file}'\n    duration_s: 1\n    emotion: fear\n", encoding="utf-8")
    with pytest.raises(BadInput, match=r"m.yaml:3: .*below the stimuli folder"):
        load_manifest(path)


def test_mean_outside_its_scale_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text(
        "clips:\n  - id: a\n    file: a.mp4\n    duration_s: 1\n    emotion: fear\n"
        "    ratings: [{emotion: fear, share: 0.5, mean: 7, scale: [0, 6]}]\n",
        encoding="utf-8",
    )
    with pytest.raises(BadInput, match=r"m.yaml:6: .*outside the scale 0 to 6"):
        load_manifest(path)


def test_manifest_is_found_in_the_folder_of_films_or_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    films = tmp_path / "lab" / "films"
    films.mkdir(parents=True)
    with pytest.raises(BadInput, match=r"no stimuli_manifest.yaml found"):
        find_manifest(films)
    (tmp_path / "lab" / "stimuli_manifest.yaml").touch()
    assert find_manifest(films) == tmp_path / "lab" / "stimuli_manifest.yaml"
    (films / "stimuli_manifest.yaml").touch()
    assert find_manifest(films) == films / "stimuli_manifest.yaml"
