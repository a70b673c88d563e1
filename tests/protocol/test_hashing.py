"""Filling SHA-256 and length into a manifest: only these values change, whatever the file looks like."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labcapture.core.config import parse_yaml
from labcapture.core.errors import BadInput
from labcapture.protocol.films import read_facts
from labcapture.protocol.hashing import Known, fill_in, hash_films
from labcapture.protocol.manifest import Manifest, load_manifest
from labcapture.protocol.placeholders import make_placeholders
from tests.protocol.test_films import make_film

SHA = "ab" * 32
TEXT = """\
# our films
clips:
  - {id: one, file: one.mp4, duration_s: 3, duration_is_placeholder: true, emotion: fear}  # in one line

  # the second one
  - id: two
    file: two.mp4  # where it lies
    duration_s: 2.0   # measured
    emotion: fear
  - {id: picture, kind: image, file: picture.png}
"""


def changed(before: str, after: str) -> list[str]:
    """Return the lines that went (-) and came (+)."""
    lines = difflib.ndiff(before.splitlines(), after.splitlines())
    return [line for line in lines if line[0] in "-+"]


def test_only_the_values_change() -> None:
    after = fill_in(TEXT, {"one": Known(SHA, 61.04), "two": Known(SHA, 2), "picture": Known(SHA, None)}, "m.yaml")
    assert changed(TEXT, after) == [
        "-   - {id: one, file: one.mp4, duration_s: 3, duration_is_placeholder: true, emotion: fear}  # in one line",
        f"+   - {{id: one, file: one.mp4, sha256: {SHA}, duration_s: 61.04, duration_is_placeholder: false, "
        "emotion: fear}  # in one line",
        f"+     sha256: {SHA}",
        "-     duration_s: 2.0   # measured",
        "+     duration_s: 2   # measured",
        "-   - {id: picture, kind: image, file: picture.png}",
        f"+   - {{id: picture, kind: image, file: picture.png, sha256: {SHA}}}",
    ]
    again = fill_in(after, {"two": Known("cd" * 32, 2)}, "m.yaml")
    assert changed(after, again) == [f"-     sha256: {SHA}", f"+     sha256: {'cd' * 32}"]


def test_line_ends_and_a_missing_last_one_are_kept() -> None:
    windows = TEXT.replace("\n", "\r\n").removesuffix("\r\n")
    after = fill_in(windows, {"one": Known(SHA, 1), "two": Known(SHA, 1), "picture": Known(SHA, None)}, "m.yaml")
    assert "\n" not in after.replace("\r\n", "")
    assert not after.endswith("\n")


@settings(deadline=None, max_examples=20)
@given(st.data())
def test_any_clips_in_any_layout(data: st.DataObject) -> None:
    flow = data.draw(st.lists(st.booleans(), min_size=1, max_size=3))
    text = "# first\nclips:\n"
    for number, is_flow in enumerate(flow):
        entries = [f"id: c{number}", f"file: c{number}.mp4", "duration_s: 3", "emotion: fear"]
        entries += data.draw(st.sampled_from([[], ["duration_is_placeholder: true"], [f"sha256: {'cd' * 32}"]]))
        entries = data.draw(st.permutations(entries))
        note = data.draw(st.sampled_from(["", "  # a note: {of, mine}"]))
        if is_flow:
            text += f"  - {{{', '.join(entries)}}}{note}\n"
        else:
            text += f"  -   {entries[0]}{note}\n" + "".join(f"      {entry}{note}\n" for entry in entries[1:])
    seconds = data.draw(st.integers(1, 7_200_000)) / 1000
    known = {f"c{n}": Known(SHA, seconds) for n in range(len(flow)) if data.draw(st.booleans())}
    after = fill_in(text, known, "m.yaml")
    for clip in parse_yaml(after, Manifest, "m.yaml").clips:
        if clip.id in known:
            assert (clip.sha256, clip.duration_s, clip.duration_is_placeholder) == (SHA, seconds, False)
    assert after.count("# a note") == text.count("# a note")
    assert fill_in(after, known, "m.yaml") == after


def test_shared_values_are_refused() -> None:
    shared = (
        "clips:\n  - {id: a, file: a.mp4, duration_s: &d 3, emotion: fear}\n"
        "  - {id: b, file: b.mp4, duration_s: *d, emotion: fear}\n"
    )
    with pytest.raises(BadInput, match=r"m\.yaml"):
        fill_in(shared, {"b": Known(SHA, 5)}, "m.yaml")


def test_films_are_hashed_and_the_file_moved_into_place(tmp_path: Path) -> None:
    listing = tmp_path / "m.yaml"
    listing.write_text(TEXT, encoding="utf-8")
    make_film(tmp_path / "two.mp4", 1)
    make_placeholders(load_manifest(listing), tmp_path, ["one"], longest_s=0.5)
    states = {film.clip: film.state for film in hash_films(listing, tmp_path)}
    assert states == {"one": "placeholder", "two": "filled", "picture": "missing"}
    manifest = load_manifest(listing)
    two = manifest.clip("two")
    assert two.sha256 == read_facts(two, tmp_path / "two.mp4").sha256
    assert two.duration_s == 1
    assert manifest.clip("one").sha256 is None
    assert sorted(path.name for path in tmp_path.iterdir()) == ["m.yaml", "one.mp4", "two.mp4"]


def test_file_is_not_touched_without_need_and_another_film_is_not_taken_unasked(tmp_path: Path) -> None:
    listing = tmp_path / "m.yaml"
    listing.write_text(TEXT, encoding="utf-8")
    make_film(tmp_path / "two.mp4", 1)
    hash_films(listing, tmp_path, ["two"])
    os.utime(listing, (1, 1))
    assert [film.state for film in hash_films(listing, tmp_path, ["two"])] == ["same"]
    make_film(tmp_path / "two.mp4", 2)
    assert [film.state for film in hash_films(listing, tmp_path, ["two"])] == ["differs"]
    assert listing.stat().st_mtime == 1
    assert [film.state for film in hash_films(listing, tmp_path, ["two"], replace=True)] == ["filled"]
    assert load_manifest(listing).clip("two").duration_s == 2


def test_damaged_film_is_not_hashed(tmp_path: Path) -> None:
    listing = tmp_path / "m.yaml"
    listing.write_text(TEXT, encoding="utf-8")
    (tmp_path / "two.mp4").write_bytes(b"no film")
    (two,) = hash_films(listing, tmp_path, ["two"])
    assert two.state == "damaged"
    assert listing.read_text(encoding="utf-8") == TEXT
