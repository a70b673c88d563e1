"""The report as HTML: read back, its figures are the session's, and the words of a session never become markup."""

from __future__ import annotations

import base64
import dataclasses
import json
import math
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import labcapture.reading
from benchmarks.faults import victim
from labcapture.core.errors import BadInput
from labcapture.reading import html_plots, overview
from labcapture.reading.html import Verification, page
from labcapture.reading.html_file import free_name, verified, write_report
from labcapture.reading.html_parts import el
from labcapture.reading.overview import Overview
from labcapture.recording.recover import recover
from labcapture.recording.transcode import transcode
from labcapture.recording.verify import verify
from tests.reading.recorded_world import begun

WHEN = "2026-11-21T10:15:02.123456+00:00"
HOSTILE = (
    "</p><script>alert(1)</script>",
    '" onload="alert(1)',
    "<img src=x onerror=alert(1)>",
    "]]><!-- &lt; &#x0; --",
    "\x00\x1b[2J\u202e\ud800 <b>",
)


def seen_of(folder: Path) -> Overview:
    with labcapture.reading.open(folder) as session:
        return overview.overview(session)


def tree(words: str) -> ET.Element:
    """Return a page as a tree; it is XML but for its first line."""
    first, rest = words.split("\n", 1)
    assert first == "<!DOCTYPE html>"
    return ET.fromstring(rest.replace(' xmlns="http://www.w3.org/2000/svg"', ""))  # noqa: S314 - we made it


def said(element: ET.Element) -> str:
    return " ".join("".join(element.itertext()).split())


def cells(root: ET.Element, heading: str) -> list[list[str]]:
    """Return the rows of the first table of the section with a heading."""
    for section in root.iter("section"):
        if any(said(h2) == heading for h2 in section.iter("h2")):
            body = next(section.iter("tbody"))
            return [[said(cell) for cell in line] for line in body]
    raise AssertionError(f"no section {heading}")


def classed(root: ET.Element, kind: str) -> list[ET.Element]:
    return [element for element in root.iter() if element.get("class") == kind]


@pytest.fixture(scope="module")
def seen(recorded: Path) -> Overview:
    return seen_of(recorded)


@pytest.fixture(scope="module")
def root(seen: Overview, recorded: Path) -> ET.Element:
    return tree(page(seen, verified(recorded), WHEN))


def test_its_figures_are_those_of_the_session(root: ET.Element, seen: Overview, recorded: Path) -> None:
    whole = said(root)
    with labcapture.reading.open(recorded) as session:
        assert f"Part {session.part}, {session.verdict}" in whole
        assert session.attributes["reason"] in whole
        assert all(reason in whole for trial in session.trials.values() for reason in trial.reasons)
        eda = session.eda.values[:, 0]
    assert "SIMULATED" in whole
    assert "autopilot, seed 7" in whole
    clips = {row[0]: row for row in cells(root, "Clips")}
    assert clips["03_e"][:6] == ["03_e", "e", "fear", "0:03", "0 of 90", "3 of 90"]
    assert (clips["01_a"][-1], clips["03_e"][-1]) == ("annotatable", "not annotatable")
    streams = {row[0]: row for row in cells(root, "Streams")}
    assert streams["depth"][1] == "177 frames"
    assert streams["depth"][5] == "3 dropped"
    assert streams["voice"][2] == "48 000.00 Hz"
    ends = [said(text) for text in root.iter("text")]
    assert {f"{eda.max():.4g}", f"{eda.min():.4g}"} <= set(ends)
    assert "the participant – 王 – sneezed" in whole
    assert ["session format", "1"] in cells(root, "Software and rule")


def test_gaps_stand_where_they_were(root: ET.Element, seen: Overview) -> None:
    marks = classed(root, "gap")
    assert len(marks) == 1 + 1  # one gap, and the legend
    title = marks[0].find("title")
    assert title is not None
    assert said(title).startswith("3 missing: dropped")
    (gap,) = seen.clips["03_e"].gaps["depth"]
    span = html_plots.WIDTH - html_plots._LEFT - html_plots._RIGHT
    share = (float(marks[0].get("x", "nan")) - html_plots._LEFT) / span
    length = next(trial["duration_s"] for trial in seen.facts["trials"] if trial["id"] == "03_e")
    assert share * length == pytest.approx(gap.start, abs=0.01)
    assert gap.start == pytest.approx(39 / 30 + 0.015, abs=0.02)  # frame 39 is the last before it


def test_each_clip_has_a_picture_of_each_stream(root: ET.Element, recorded: Path) -> None:
    pictures = {(img.get("alt"), i): img for i, img in enumerate(root.iter("img"))}
    assert [alt for alt, _ in pictures] == ["color, frame 45", "depth, frame 45", "color, frame 45", "depth, frame 43"]
    for (alt, _), img in pictures.items():
        head, _, data = img.get("src", "").partition(",")
        assert head == "data:image/jpeg;base64"
        pixels = imagecodecs.jpeg8_decode(base64.b64decode(data))
        assert pixels.shape == (48, 64, 3), alt
    with labcapture.reading.open(recorded) as session:
        middle = session.trials["01_a"].color[45]
    first = next(iter(pictures.values()))
    decoded = imagecodecs.jpeg8_decode(base64.b64decode(first.get("src", "").partition(",")[2]))
    assert np.abs(decoded.astype(int) - middle.astype(int)).mean() < 4


def test_it_needs_nothing_but_itself(seen: Overview) -> None:
    words = page(seen, None, WHEN)
    assert len(words.encode()) < 3_000_000
    leading: list[tuple[str, str]] = []
    tags: set[str] = set()

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            tags.add(tag)
            leading.extend((tag, value or "") for name, value in attrs if name in {"src", "href", "data", "action"})

    Reader().feed(words)
    assert not tags & {"script", "link", "iframe", "object", "base", "form"}
    assert {value[:1] if value.startswith("#") else value[:11] for _, value in leading} == {"#", "data:image/"}
    assert "url(" not in words
    assert "@import" not in words
    assert "prefers-color-scheme: dark" in words


def test_verification_is_told_with_its_time(seen: Overview, recorded: Path, copied: Path) -> None:
    whole = said(tree(page(seen, dataclasses.replace(verified(recorded), utc=WHEN), WHEN)))
    assert "Whole: " in whole
    assert "357 frames" in whole
    assert "Verified 2026-11-21 10:15:02 UTC." in whole
    assert "Not verified for this report." in said(tree(page(seen, None, WHEN)))
    with (copied / "log.jsonl").open("a") as file:
        file.write("{}\n")
    found = verified(copied)
    assert found.problems
    words = said(tree(page(seen, found, WHEN)))
    assert "Not whole" in words
    assert all(problem in words for problem in found.problems)


@given(words=st.text(max_size=40))
def test_text_is_text(words: str) -> None:
    element = ET.fromstring(el("p", words, title=words))  # noqa: S314 - that it can be read is the point
    kept = "".join(c for c in words if c.isprintable() and c != "\ufffd")
    assert "".join(c for c in said_raw(element) if c.isprintable() and c != "\ufffd") == kept
    assert len(element) == 0


def said_raw(element: ET.Element) -> str:
    return "".join(element.itertext())


@pytest.mark.parametrize("words", HOSTILE)
def test_hostile_words_stay_words(seen: Overview, words: str) -> None:
    calm = tree(page(seen, Verification(WHEN, ["a"]), WHEN))
    notes, markers = seen.notes.copy(), seen.markers.copy()
    notes["text"], markers["label"], markers["step"] = words, words, words
    facts = {**seen.facts, "reason": words, "protocol": words, "participant": words, "rule": {words: words}}
    facts["trials"] = [
        {**trial, "attributes": {**trial["attributes"], "clip": words, "emotion": words}, "reasons": [words]}
        for trial in seen.facts["trials"]
    ]
    calm_facts = {**seen.facts, "trials": [{**trial, "reasons": ["a"]} for trial in seen.facts["trials"]]}
    calm = tree(page(dataclasses.replace(seen, facts=calm_facts), Verification(WHEN, ["a"]), WHEN))
    loud = tree(
        page(dataclasses.replace(seen, facts=facts, notes=notes, markers=markers), Verification(WHEN, [words]), WHEN)
    )
    assert [element.tag for element in loud.iter()] == [element.tag for element in calm.iter()]
    names = {name for element in calm.iter() for name in element.attrib}
    assert {name for element in loud.iter() for name in element.attrib} == names


def test_a_session_without_trials(tmp_path: Path) -> None:
    recorder = begun(tmp_path)
    recorder.close(completed=False)
    words = said(tree(page(seen_of(recorder.folder), None, WHEN)))
    assert "No clip was recorded." in words
    assert "not run to its end" in words


def test_a_recovered_session(tmp_path: Path) -> None:
    folder = victim.crash(tmp_path, 1.5)
    recover(folder)
    words = page(seen_of(folder), verified(folder), WHEN)
    assert "recovered after the recording broke off" in said(tree(words))
    assert "Whole: " in said(tree(words))


def test_a_transcoded_session_shows_the_same_pictures(seen: Overview, recorded: Path, tmp_path: Path) -> None:
    copy = seen_of(Path(transcode(recorded, "gzip", tmp_path).folder))
    assert {name: clip.thumbnails for name, clip in copy.clips.items()} == {
        name: clip.thumbnails for name, clip in seen.clips.items()
    }
    assert "pictures transcoded to gzip" in said(tree(page(copy, None, WHEN)))


def test_what_is_missing_is_told_and_the_rest_shown(copied: Path) -> None:
    (copied / "trials" / "01_a.h5").unlink()
    seen = seen_of(copied)
    root = tree(page(seen, None, WHEN))
    assert sum("01_a.h5" in problem for problem in seen.facts["problems"]) == 1
    assert "01_a.h5" in said(root)
    assert len(list(root.iter("img"))) == 2


def test_alarms_come_from_the_log(copied: Path) -> None:
    start = seen_of(copied).start
    lines = [
        {"event": "alarm", "level": "warning", "lsl_time": start + 2, "source": "eda", "kind": "silent",
         "cause": "eda is silent", "remedy": "Look at its cable."},
        {"event": "alarm cleared", "level": "info", "lsl_time": start + 3.5, "source": "eda", "kind": "silent"},
        {"event": "disk", "level": "error", "lsl_time": start + 4, "message": "full"},
    ]  # fmt: skip
    text = "".join(json.dumps(line) + "\n" for line in lines) + "no json\n[1]\n"
    (copied / "log.jsonl").write_text(text, encoding="utf-8")
    rows = [[said(cell) for cell in line] for line in tree(page(seen_of(copied), None, WHEN)).iter("tr")]
    assert ["0:02", "1.5 s", "eda", "eda is silent", "Look at its cable."] in rows
    assert ["0:04", "–", "", "disk: full", ""] in rows


@given(
    times=st.lists(st.floats(-1, 11) | st.just(math.nan), max_size=60),
    values=st.lists(st.floats(-5, 5) | st.just(math.nan), min_size=60, max_size=60),
)
def test_an_envelope_is_the_least_and_most_of_each_bin(times: list[float], values: list[float]) -> None:
    t, v = np.array(times, np.float64), np.array(values[: len(times)], np.float64)
    bins = overview._Bins(0.0, 10.0, 5)
    bins.add(t, v, v)
    low, high = bins.done()
    for i in range(5):
        mine = [y for x, y in zip(t, v, strict=True) if np.isfinite([x, y]).all() and min(max(int(x // 2), 0), 4) == i]
        assert (low[i], high[i]) == (min(mine), max(mine)) if mine else np.isnan(low[i])


def test_sound_is_summed_up_block_by_block(seen: Overview, recorded: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trace = next(trace for trace in seen.traces if trace.stream == "voice")
    with labcapture.reading.open(recorded) as session:
        values = session.voice.values[:, 0] / 32768
    assert np.nanmax(trace.high) == values.max()
    assert np.nanmin(trace.low) == values.min()
    monkeypatch.setattr(overview, "_ROWS", 4800)
    again = next(trace for trace in seen_of(recorded).traces if trace.stream == "voice")
    np.testing.assert_array_equal(again.low, trace.low)
    np.testing.assert_array_equal(again.high, trace.high)


def test_nothing_is_overwritten_and_nothing_added_to_a_session(copied: Path, tmp_path: Path) -> None:
    there = tmp_path / "there.html"
    there.write_text("mine")
    places: list[Callable[[], Path]] = [
        lambda: there,
        lambda: copied / "report.html",
        lambda: copied / "trials" / "report.html",
        lambda: tmp_path / "nowhere" / "report.html",
        lambda: Path("-"),
    ]
    for place in places:
        with pytest.raises(BadInput):
            write_report(copied, place(), None)
    assert there.read_text() == "mine"
    assert verify(copied).whole
    first = free_name(copied)
    assert first == copied.with_name(f"{copied.name}.html")
    write_report(copied, first, None)
    assert free_name(copied / "session.h5") == copied.with_name(f"{copied.name}-2.html")
    assert verify(copied).whole


def test_the_command_verifies_and_writes(copied: Path, tmp_path: Path) -> None:
    file = tmp_path / "report.html"
    command = [sys.executable, "-m", "labcapture.cli", "inspect", str(copied), "--html", str(file), "--json"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    told = json.loads(run.stdout)
    assert (told["html"], told["problems"]) == (str(file.resolve()), [])
    assert "Whole: " in said(tree(file.read_text("utf-8")))
    again = subprocess.run(command, capture_output=True, text=True, check=False)
    assert again.returncode == 2
    assert "exists already" in again.stderr
    shutil.rmtree(copied / "trials")
    refused = subprocess.run(
        [*command[:-3], "--html", str(tmp_path / "b.html"), "--gaps"], capture_output=True, check=False
    )
    assert refused.returncode == 2
