"""Each thing that goes wrong turns its own row to no-go, and no other."""

from __future__ import annotations

import dataclasses
import json
import sys
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pylsl
import pytest

from labcapture.core.cancelling import Cancellation
from labcapture.core.chunks import AudioBlock, Frame, Samples, StreamSpec
from labcapture.core.errors import DeviceError
from labcapture.devices.rig import Rig
from labcapture.engine.preflight import Wanted, preflight
from labcapture.engine.preflight_films import look_at_protocol
from labcapture.engine.preflight_measure import Encoding, MachineMeasure, StreamMeasure, encoding
from labcapture.engine.preflight_rig import (
    FilmFacts,
    StageFacts,
    judge_device,
    judge_films,
    judge_machine,
    judge_sleep,
    judge_stage,
)
from labcapture.engine.preflight_rows import Report, Row
from labcapture.engine.preflight_streams import judge_stream
from labcapture.protocol.manifest import Clip, Manifest
from labcapture.protocol.placeholders import make_placeholders
from labcapture.recording import encodings

OURS = {"processor", "write speed"}  # rows that tell of the machine the tests run on, which may be busy
PACED = (" rate", "color clock", "depth clock")  # a busy machine simulates them too slowly
NONE: set[str] = set()


def failing(rows: list[Row] | tuple[Row, ...], paced: set[str] = NONE) -> set[str]:
    """Return what failed; of rates and the camera's clocks only ``paced``."""
    failed = {row.name for row in rows if row.verdict == "fail"} - OURS
    return {name for name in failed if not name.endswith(PACED) or name in paced}


# Real devices, simulated ones, with scripted faults -------------------------------------------------------------------

SMALL = "{width_px: 424, height_px: 240}"
CAMERA = f"{{kind: realsense, name: camera, source: simulated, color: {SMALL}, depth: {SMALL}, simulated: {{pictures: 2"
EDA = "{kind: lsl, name: eda, preset: eda, simulated: {"
VOICE = "{kind: microphone, name: voice, source: simulated, simulated: {prefer_generated: true"


def checked(folder: Path, devices: str, **more: Any) -> Report:  # noqa: ANN401 - of `Wanted`
    rig = folder / "rig.yaml"
    rig.write_text(f"name: test\ndevices: [{devices}]\n", encoding="utf-8")
    return preflight(Wanted(rig, out=folder, seconds=1.5, stage=False, **more))


def test_a_rig_that_is_well_goes(tmp_path: Path) -> None:
    report = checked(tmp_path, f"{CAMERA}}}}}, {EDA}}}}}, {VOICE}}}}}")
    assert failing(report.rows) == set()
    assert report.simulated
    names = {row.name for row in report.rows}
    assert {"color rate", "depth metadata", "USB", "clipping", "flat", "room", "sleep", "wall clock"} <= names
    assert not list(tmp_path.glob(".labcapture*"))


def test_dim_light_flat_skin_and_a_clipping_voice_each_turn_their_row(tmp_path: Path) -> None:
    dim = f"{CAMERA}, faults: {{slowed: [{{frames: '0-100000', factor: 2}}]}}}}}}"
    flat = f"{EDA}faults: [{{kind: flat, at_s: 0, seconds: 600}}]}}}}"
    loud = f"{VOICE}, gain: 10}}}}"
    report = checked(tmp_path, f"{dim}, {flat}, {loud}")
    assert failing(report.rows, {"color rate"}) == {"color rate", "flat", "range", "clipping"}  # 0 µS is no skin
    assert not report.go
    assert all(row.mend for row in report.failed)


def test_a_camera_that_is_set_wrongly_turns_its_rows(tmp_path: Path) -> None:
    options = "enable_auto_exposure: 0, exposure: 500, auto_exposure_priority: 1, power_line_frequency: 3"
    color = f"color: {{width_px: 424, height_px: 240, options: {{{options}}}}}"
    wrong = CAMERA.replace(f"color: {SMALL}", color)
    report = checked(tmp_path, f"{wrong}, faults: {{drift_ppm: 30000}}}}}}")
    clocks = {"color clock", "depth clock"}
    assert failing(report.rows, clocks) == {"color exposure", "auto-exposure priority", "power line"} | clocks
    rows = {row.name: row.reading for row in report.rows}
    assert rows["color exposure"] == "50.0 ms"
    assert rows["power line"] == "automatic"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the screen is named as X has it")
def test_a_sensor_that_falls_silent_and_a_screen_that_is_not_there_turn_their_rows(tmp_path: Path) -> None:
    rig = tmp_path / "rig.yaml"
    silent = f"{EDA}faults: [{{kind: silent, at_s: 1, seconds: 600}}]}}}}"
    rig.write_text(f"name: r\ndevices: [{silent}]\nstage: {{display: ':177'}}\n", encoding="utf-8")
    report = preflight(Wanted(rig, out=tmp_path, seconds=1.5))
    assert failing(report.rows) == {"eda flows", "screen"}
    assert all(row.mend for row in report.failed)


def test_a_stream_of_the_network_that_is_not_recorded_is_told(tmp_path: Path) -> None:
    names = [f"{kind}-{uuid.uuid4().hex}" for kind in ("gaze", "buttons")]
    outlets = [pylsl.StreamOutlet(pylsl.StreamInfo(name, "Test", 1, 0, pylsl.cf_int32, name)) for name in names]
    recorded = f"{{kind: lsl, name: buttons, source_id: {names[1]}}}"
    rows = checked(tmp_path, f"{recorded}, {EDA}}}}}", groups=("network",)).rows
    assert [(row.group, row.name, row.verdict) for row in rows] == [("network", "other LSL streams", "warn")]
    assert names[0] in rows[0].reading
    assert names[1] not in rows[0].reading
    assert "labcapture-" not in rows[0].reading
    del outlets


FILMS = ("there", "gone", "torn")
PROTOCOL = """
name: p
title: P
paradigm: none
steps:
  - {id: s_there, kind: movie, clip: there, record: true}
  - {id: s_gone, kind: movie, clip: gone}
  - {id: s_torn, kind: movie, clip: torn}
  - {id: s_face, kind: image, image: face, seconds: 1}
  - {id: s_none, kind: image, image: no_face, seconds: 1}
  - {id: talk, kind: block, record: true, steps: [{id: tell, kind: interview, text: Tell, seconds: 90}]}
"""


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a protocol, its manifest, and of its films and pictures one of each that is well."""
    folder = tmp_path_factory.mktemp("shown")
    clips = [Clip(id=name, file=f"{name}.mp4", duration_s=1, emotion="fear") for name in FILMS]
    manifest = Manifest(
        clips=(*clips, *(Clip(id=name, kind="image", file=f"{name}.png") for name in ("face", "no_face")))
    )
    make_placeholders(manifest, folder / "films", ["there", "face"])
    (folder / "films" / "torn.mp4").write_bytes((folder / "films" / "there.mp4").read_bytes()[:2000])
    text = json.dumps({"clips": [clip.model_dump(mode="json", exclude_defaults=True) for clip in manifest.clips]})
    (folder / "stimuli_manifest.yaml").write_text(text, encoding="utf-8")
    (folder / "protocol.yaml").write_text(PROTOCOL, encoding="utf-8")
    return folder


def test_each_film_and_picture_that_cannot_be_shown_turns_its_row(tmp_path: Path, shown: Path) -> None:
    report = checked(tmp_path, f"{VOICE}}}}}", protocol=shown / "protocol.yaml", stimuli=shown / "films")
    assert failing(report.rows) == {"gone", "torn", "no_face"}
    rows = {row.name: row for row in report.rows}
    assert "no such file" in rows["no_face"].reading
    assert "not a film that can be shown" in rows["torn"].reading
    assert "2 of them placeholders" in rows["clips"].reading
    assert rows["room"].limit == "at least 2 min"  # the talk is recorded, too


def test_placeholders_do_for_rehearsals_only(shown: Path) -> None:
    for rehearsal, told in ((True, set()), (False, {"there", "face"})):
        looked = look_at_protocol(
            shown / "protocol.yaml", shown / "films", rehearsal, lambda what: None, Cancellation()
        )
        assert {film.clip for film in looked.films if "placeholder, not the film" in film.problem} == told


def test_a_device_that_is_missing_turns_its_row(tmp_path: Path) -> None:
    report = checked(tmp_path, f"{VOICE}}}}}, {{kind: microphone, name: second, device: no such input}}")
    assert [(row.group, row.name) for row in report.failed if row.name not in OURS] == [("second", "present")]


# Judging, without devices ---------------------------------------------------------------------------------------------


def frames(
    rate_hz: float = 30.0,
    metadata: dict[str, int] | None = None,
    attributes: dict[str, Any] | None = None,
    pace: float = 1.0,
) -> StreamMeasure:
    spec = StreamSpec("color", "frames", "uint8", (4, 4, 3), "", 30.0, attributes=attributes or {}, clock="camera")
    measure = StreamMeasure(spec, "camera")
    told = {"frame_counter": 1, "sensor_timestamp": 1, "actual_exposure": 9800, "timestamp_domain": 0}
    told = told if metadata is None else metadata
    for i in range(round(3 * rate_hz)):
        measure.take(Frame("color", np.zeros((4, 4, 3), np.uint8), i, pace * i / rate_hz, 100 + i / rate_hz, told))
    return measure


def voice(samples: np.ndarray) -> StreamMeasure:
    measure = StreamMeasure(StreamSpec("voice", "audio", "int16", (1,), "", 48000.0), "voice")
    for i in range(0, len(samples), 960):
        block = samples[i : i + 960, None].astype(np.int16)
        measure.take(AudioBlock("voice", block, i, i / 48000, 100 + i / 48000))
    return measure


def skin(values: np.ndarray) -> StreamMeasure:
    measure = StreamMeasure(StreamSpec("eda", "samples", "float64", (1,), "microsiemens", 100.0), "eda")
    for i in range(0, len(values), 10):
        times = (i + np.arange(10)) / 100
        measure.take(Samples("eda", values[i : i + 10, None], times, 100 + i / 100))
    return measure


NOISE = np.random.default_rng(0).normal(0, 1, 48000)
TOLD = {"frame_counter": 1, "sensor_timestamp": 1, "actual_exposure": 9800, "timestamp_domain": 0}


@pytest.mark.parametrize(
    ("measure", "rows"),
    [
        (frames, set()),
        (lambda: frames(rate_hz=15), {"color rate"}),
        (lambda: frames(metadata={**TOLD, "actual_exposure": 40_000}), {"color exposure"}),
        (lambda: frames(metadata={**TOLD, "timestamp_domain": 1}), {"color time domain"}),
        (lambda: frames(metadata={"timestamp_domain": 0}), {"color metadata"}),
        (lambda: frames(pace=1.01), {"color clock"}),
        (lambda: frames(attributes={"option_auto_exposure_priority": 1.0}), {"auto-exposure priority"}),
        (lambda: frames(attributes={"option_power_line_frequency": 3.0}), {"power line"}),
        (lambda: voice(NOISE * 1000), set()),
        (lambda: voice(np.clip(NOISE * 30000, -32768, 32767)), {"clipping"}),
        (lambda: voice(NOISE * 0), {"level"}),
        (lambda: skin(5 + 0.01 * NOISE[:300]), set()),
        (lambda: skin(np.full(300, 5.0)), {"flat"}),
        (lambda: skin(np.minimum(5 + NOISE[:300], 4.9)), {"saturated"}),
        (lambda: skin(500 + NOISE[:300]), {"range"}),
        (lambda: StreamMeasure(StreamSpec("eda", "samples", "float64", (1,), "", 100.0), "eda"), {"eda flows"}),
    ],
)
def test_each_reading_of_a_stream_turns_its_own_row(measure: Callable[[], StreamMeasure], rows: set[str]) -> None:
    judged = list(judge_stream(measure()))
    assert {row.name for row in judged if row.verdict == "fail"} == rows
    assert all(row.mend for row in judged if row.verdict != "ok")


def machine(**changed: Any) -> MachineMeasure:  # noqa: ANN401 - of MachineMeasure
    values: dict[str, Any] = {
        "out": Path(),
        "free_bytes": 10**12,
        "write_bytes_per_s": 1e9,
        "cores": 4,
        "cores_busy": 1.0,
        "now": datetime(2030, 1, 1, tzinfo=UTC),
    }
    return MachineMeasure(**(values | changed))


@pytest.mark.parametrize(
    ("changed", "failed"),
    [
        ({}, set()),
        ({"free_bytes": 10**10}, {"room"}),
        ({"write_bytes_per_s": 2e7}, {"write speed"}),
        ({"write_error": "read-only"}, {"write speed"}),
        ({"cores_busy": 3.9}, {"processor"}),
        ({"now": datetime(1970, 1, 1, tzinfo=UTC)}, {"wall clock"}),
    ],
)
def test_each_reading_of_the_machine_turns_its_own_row(changed: dict[str, Any], failed: set[str]) -> None:
    rows = list(judge_machine(machine(**changed), Encoding(45e6, 0.3), 1800))
    assert {row.name for row in rows if row.verdict == "fail"} == failed
    assert len(rows) == 5


@pytest.mark.parametrize(
    ("wrong", "told"), [((64, 64, 3), "codec magicyuv: pictures of uint8"), ((4, 4, 3), "color: ")]
)
def test_pictures_that_do_not_come_back_from_their_encoding_turn_its_row(
    wrong: tuple[int, ...], told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither those that every encoding is tried on, nor those that the camera just brought."""
    it = encodings.of("magicyuv")

    def decode(stored: bytes, dtype: np.dtype[Any], shape: tuple[int, ...]) -> np.ndarray:
        picture: np.ndarray = it.decode(stored, dtype, shape)
        return np.zeros_like(picture) + 1 if shape == wrong else picture

    assert encoding([frames()], "magicyuv").fault == ""
    monkeypatch.setattr(encodings, "CODECS", [dataclasses.replace(it, decode=decode)])
    need = encoding([frames()], "magicyuv")
    assert need.bytes_per_s == 4 * 4 * 3 * 30  # as they are
    failed = [row for row in judge_machine(machine(), need, 1800) if row.verdict == "fail"]
    assert [row.name for row in failed] == ["encoding"]
    assert failed[0].reading.startswith(told)
    assert "came back as another one" in failed[0].reading
    assert "'codec' in the rig file" in failed[0].mend


def test_the_screen_and_the_films() -> None:
    well = StageFacts(size=(1920, 1080), rate_hz=60.0, wanted_hz=60.0, seconds=3.0)
    assert [row.verdict for row in judge_stage(well)] == ["ok", "ok", "ok"]
    late = StageFacts(size=(1920, 1080), rate_hz=60.0, wanted_hz=60.0, seconds=3.0, late_flips=20)
    assert [row.name for row in judge_stage(late) if row.verdict == "fail"] == ["flips"]
    assert [row.verdict for row in judge_stage(StageFacts(error="no display"))] == ["fail"]
    films = [FilmFacts("a"), FilmFacts("b", "no such file"), FilmFacts("c", hashed=False)]
    assert [(row.name, row.verdict) for row in judge_films(films)] == [("b", "fail"), ("clips", "warn")]
    assert [judge_sleep(told).verdict for told in (True, False, None)] == ["ok", "warn", "warn"]


def test_what_may_be_missing_only_warns_and_a_slow_port_does_not_pass() -> None:
    rig = Rig.model_validate(
        {
            "name": "r",
            "devices": [
                {"kind": "microphone", "name": "voice", "source": "simulated", "required": False},
                {"kind": "realsense", "name": "camera", "source": "simulated"},
            ],
        }
    )
    gone = DeviceError("no such input", "voice")
    assert [row.verdict for row in judge_device(rig.devices[0], (), gone)] == ["warn"]
    slow = StreamSpec("color", "frames", "uint8", (4, 4, 3), "", 30.0, attributes={"usb_type": "2.1"})
    assert [row.name for row in judge_device(rig.devices[1], [slow], None) if row.verdict == "fail"] == ["USB"]
