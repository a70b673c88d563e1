"""The RealSense class over the SDK's own software device, against what that device really did."""

from __future__ import annotations

import json
import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labcapture.core.chunks import Cause, Chunk, Frame, Gap
from labcapture.core.clock import lsl_time
from labcapture.core.errors import DeviceError
from labcapture.devices import realsense
from labcapture.devices._realsense_frames import DeviceClock, FrameReader
from labcapture.devices._realsense_sdk import rs
from labcapture.devices._realsense_source import facts_and_profiles
from labcapture.devices.simulated import d415
from labcapture.devices.simulated.camera import STRIP_STREAM, SoftwareD415
from labcapture.devices.simulated.strip import Strip, read_strip
from labcapture.devices.simulated.truth import Truth
from labcapture.recording.quality import GapTracker
from tests.devices.flows import Flow, flowing

SMALL = {"width_px": 424, "height_px": 240}
BOTH = ("color", "depth")


def config(simulated: dict[str, Any] | None = None, **keys: Any) -> realsense.Config:  # noqa: ANN401 - as in a rig file
    values = {"name": "camera", "source": "simulated", "color": SMALL, "depth": SMALL} | keys
    if values["source"] == "simulated":
        values["simulated"] = {"pictures": 2} | (simulated or {})
    return realsense.Config.model_validate(values)


@contextmanager
def opened(it: realsense.Config) -> Iterator[realsense.Camera]:
    camera = realsense.create(it)
    try:
        camera.open()
        yield camera
    finally:
        camera.close()


def truth_of(camera: realsense.Camera) -> list[Truth]:
    assert isinstance(camera.source, SoftwareD415)
    return camera.source.truth()


def run_until(camera: realsense.Camera, index: int, emit: Any = None) -> Flow:  # noqa: ANN401 - an Emit
    """Run until both streams have passed frame ``index``, by the truth."""
    with flowing(camera, emit) as flow:
        flow.wait_until(lambda: all(any(t.index >= index and t.stream == s for t in truth_of(camera)) for s in BOTH))
    assert flow.error is None
    return flow


def gaps_of(camera: realsense.Camera, frames: list[Frame]) -> list[Gap]:
    """Return what the engine's tracker finds in the frames of one stream."""
    spec = next(s for s in camera.describe() if s.name == frames[0].stream)
    tracker = GapTracker(spec)
    return [gap for frame in frames if (gap := tracker.update(frame))]


def assert_is_truth(camera: realsense.Camera, flow: Flow) -> None:
    """Every frame that was delivered came out, once, in order, with its own pixels and number; no other did."""
    for stream in BOTH:
        delivered = [t for t in truth_of(camera) if t.stream == stream and t.delivered is not None]
        frames = flow.frames(stream)
        assert [f.frame_number for f in frames] == [t.number for t in delivered]
        assert [read_strip(f.pixels) for f in frames] == [Strip(STRIP_STREAM[t.stream], t.index) for t in delivered]


def test_scripted_drops_are_the_gaps() -> None:
    script = {"color": [7, "15-18", 30], "depth": [20, "22-23"]}
    with opened(config({"faults": {"drop": script}})) as camera:
        flow = run_until(camera, 40)
        assert_is_truth(camera, flow)
        found = {s: [(g.cause, g.first, g.last, g.count) for g in gaps_of(camera, flow.frames(s))] for s in BOTH}
        dropped = Cause.DROPPED
        assert found["color"] == [(dropped, 7, 7, 1), (dropped, 15, 18, 4), (dropped, 30, 30, 1)]
        assert found["depth"] == [(dropped, 20, 20, 1), (dropped, 22, 23, 2)]
        assert flow.gaps() == []


def test_every_stamp_comes_along() -> None:
    with opened(config({"latency_ms": 30, "faults": {"drift_ppm": 100}})) as camera:
        flow = run_until(camera, 30)
        truth = {(str(t.stream), t.index): t for t in truth_of(camera)}
    for stream in BOTH:
        frames = flow.frames(stream)
        for frame in frames:
            m = frame.metadata
            assert frame.device_time == m["sensor_timestamp"] / 1e6
            assert m["frame_timestamp"] > m["sensor_timestamp"]
            assert m["frame_counter"] == frame.frame_number == m["sdk_frame_number"]
            assert m["timestamp_domain"] == 0
            assert abs(m["time_of_arrival"] - m["backend_timestamp"]) < 5000
            assert {"actual_exposure", "gain_level", "auto_exposure", "actual_fps"} <= set(m)
            assert (m["host_overflow"], m["after_disconnect"]) == (0, 0)
            true = truth[stream, frame.frame_number]
            assert frame.arrival_time >= true.captured + 0.030
            assert true.delivered is not None
            assert frame.arrival_time - true.delivered < 5
        first, last = (truth[stream, f.frame_number] for f in (frames[0], frames[-1]))
        pace = (frames[-1].device_time - frames[0].device_time) / (last.captured - first.captured)
        assert (pace - 1) * 1e6 == pytest.approx(100, abs=5)
    assert {"frame_laser_power", "asic_temperature_millicelsius"} <= set(flow.frames("depth")[-1].metadata)


def test_the_counter_wraps_unseen() -> None:
    start = 2**32 - 500_000
    with opened(config({"clock_start_us": start})) as camera:
        flow = run_until(camera, 30)
    for stream in BOTH:
        frames = flow.frames(stream)
        raw = np.array([f.metadata["sensor_timestamp"] for f in frames])
        assert raw.max() > 2**32 - 100_000
        assert raw.min() < 600_000
        times = np.array([f.device_time for f in frames])
        assert times[0] == pytest.approx(start / 1e6, abs=0.1)
        assert np.diff(times) == pytest.approx(1 / 30, abs=1e-5)


def test_a_slowed_sensor_is_slow_and_loses_nothing() -> None:
    with opened(config({"faults": {"slowed": [{"frames": "10-11", "factor": 2, "stream": "depth"}]}})) as camera:
        flow = run_until(camera, 20)
        assert_is_truth(camera, flow)
        assert [(g.cause, g.first, g.count) for g in gaps_of(camera, flow.frames("depth"))] == [
            (Cause.SLOW, 10, 0),
            (Cause.SLOW, 11, 0),
        ]
        assert gaps_of(camera, flow.frames("color")) == []


@pytest.mark.parametrize("late", ["lost", "delivered"])
def test_a_short_stall(late: str) -> None:
    with opened(config({"faults": {"stalls": [{"at_s": 0.6, "seconds": 0.5, "late_frames": late}]}})) as camera:
        flow = run_until(camera, 45)
        assert_is_truth(camera, flow)
        for stream in BOTH:
            lost = [t.index for t in truth_of(camera) if t.stream == stream and t.lost]
            gaps = gaps_of(camera, flow.frames(stream))
            assert bool(lost) is (late == "lost")
            assert [(g.cause, g.first, g.last) for g in gaps] == ([(Cause.DROPPED, lost[0], lost[-1])] if lost else [])


def test_a_camera_that_comes_back_is_used_again() -> None:
    # With much jitter, frames from before the return are due after the first one from after it.
    faults = {"disconnects": [{"at_s": 0.8, "seconds": 1.0}], "jitter": {"mean_ms": 60}}
    with opened(config({"faults": faults}, silence_s=0.4, color=SMALL | {"options": {"contrast": 40}})) as camera:
        with flowing(camera) as flow:
            flow.wait_until(lambda: all(any(t.life == 1 and not t.lost for t in truth_of(camera)) for _ in BOTH))
            flow.wait_until(lambda: all(f"{s}" in {f.stream for f in after(flow)} for s in BOTH))
        assert flow.error is None
        assert_is_truth(camera, flow)
    for stream in BOTH:
        announced = [g for g in flow.gaps() if g.stream == stream]
        assert [(g.cause, g.count, math.isnan(g.stop)) for g in announced] == [(Cause.DISCONNECT, 0, True)]
        frames = flow.frames(stream)
        returned = [i for i, f in enumerate(frames) if f.metadata["after_disconnect"]]
        assert len(returned) == 1
        last, first = frames[returned[0] - 1], frames[returned[0]]
        assert announced[0].start == last.arrival_time
        assert first.metadata["after_disconnect"] == 2
        assert first.frame_number < last.frame_number  # its counter began anew
        assert first.device_time < last.device_time  # and its clock


def test_a_long_stall_is_a_disconnect_of_the_same_device() -> None:
    stall = {"at_s": 0.5, "seconds": 1.0, "late_frames": "lost"}
    with opened(config({"faults": {"stalls": [stall]}}, silence_s=0.4)) as camera:
        flow = run_until(camera, 60)
        assert_is_truth(camera, flow)
        for stream in BOTH:
            lost = [t.index for t in truth_of(camera) if t.stream == stream and t.lost]
            gaps = gaps_of(camera, flow.frames(stream))
            assert [(g.cause, g.first, g.last) for g in gaps] == [(Cause.DISCONNECT, lost[0], lost[-1])]
            marks = {f.metadata["after_disconnect"] for f in flow.frames(stream)}
            assert marks == {0, 1}


def after(flow: Flow) -> list[Frame]:
    return [f for s in BOTH for f in flow.frames(s) if f.metadata["after_disconnect"]]


def test_a_camera_that_stays_away_leaves_the_gap_open() -> None:
    faults = {"disconnects": [{"at_s": 0.3, "seconds": 3000}]}
    with opened(config({"faults": faults}, silence_s=0.4)) as camera:
        with flowing(camera) as flow:
            flow.wait_until(lambda: len(flow.gaps()) >= 2)
            time.sleep(1.2)  # it looks for the camera more than once
        assert flow.error is None
    assert sorted(g.stream for g in flow.gaps()) == ["color", "depth"]


def test_frames_that_we_fetch_too_late_are_our_loss() -> None:
    chunks: list[Chunk] = []

    def emit(chunk: Chunk) -> None:
        chunks.append(chunk)
        if len(chunks) == 20:
            time.sleep(2.0)  # the SDK's queue holds one second

    with opened(config()) as camera:
        run_until(camera, 100, emit)
        for stream in BOTH:
            frames = [c for c in chunks if isinstance(c, Frame) and c.stream == stream]
            delivered = [t.index for t in truth_of(camera) if t.stream == stream and t.delivered is not None]
            assert len(frames) < len(delivered)
            gaps = gaps_of(camera, frames)
            assert {g.cause for g in gaps} == {Cause.HOST_OVERFLOW}
            assert sum(g.count for g in gaps) == len(delivered) - len(frames)
            assert [read_strip(f.pixels).index for f in frames] == [f.frame_number for f in frames]


def test_the_same_seed_gives_the_same_camera() -> None:
    runs = []
    for _ in range(2):
        with opened(config({"seed": 5, "faults": {"drop": {"color": [3]}}})) as camera:
            runs.append(run_until(camera, 8).frames("depth")[:8])
    assert all((a.pixels == b.pixels).all() for a, b in zip(*runs, strict=True))


# What the camera says of itself ---------------------------------------------------------------------------------------


def test_describe_has_what_an_analyst_needs() -> None:
    with opened(config(color=SMALL | {"options": {"exposure": 90, "gain": 32}}, line_frequency_hz=60)) as camera:
        color, depth = camera.describe()
    assert (color.name, color.shape, color.dtype, color.rate_hz) == ("color", (240, 424, 3), "uint8", 30)
    assert (depth.name, depth.shape, depth.dtype, depth.rate_hz) == ("depth", (240, 424), "uint16", 30)
    assert color.clock == depth.clock
    assert color.simulated
    assert depth.simulated
    assert depth.attributes["depth_units"] == 0.001
    assert depth.attributes["stereo_baseline_mm"] == 55
    assert depth.attributes["intrinsics_fx"] == pytest.approx(d415.depth_optics(424, 240).focal_px)
    assert color.attributes["intrinsics_fx"] == pytest.approx(d415.color_optics(424, 240).focal_px)
    assert depth.attributes["extrinsics_to_color_translation"] == pytest.approx([0.015, 0, 0])
    for spec in (color, depth):
        assert {"serial", "firmware", "usb_type", "product_line", "sdk", "intrinsics_model"} <= set(spec.attributes)
        assert all(isinstance(v, str | int | float | list) for v in spec.attributes.values())
    wanted = {"exposure": 90, "gain": 32, "auto_exposure_priority": 0, "power_line_frequency": 2}
    assert {name: color.attributes[f"option_{name}"] for name in wanted} == wanted
    assert depth.attributes["option_emitter_enabled"] == 1


def test_options_win_over_our_defaults() -> None:
    with opened(config(depth=SMALL | {"options": {"emitter_enabled": 0}})) as camera:
        assert camera.describe()[1].attributes["option_emitter_enabled"] == 0


def test_facts_of_a_device() -> None:
    device, _ = d415.build("42")
    facts = facts_and_profiles(device)
    assert (facts["serial"], facts["usb_type"], facts["product_line"]) == ("42", "3.2", "D400")
    assert {"color 1280x720 rgb8 30 Hz", "depth 1280x720 z16 30 Hz"} <= set(facts["profiles"])


def test_listing_without_a_camera_is_no_error() -> None:
    assert isinstance(realsense.plugged_in(), list)


# Frames with less than all stamps ------------------------------------------------------------------------------------


def read_bare(stamps: dict[str, int], timestamp_ms: float, domain: Any, reader: FrameReader | None = None) -> Frame:  # noqa: ANN401 - SDK
    """Pass a frame that carries only ``stamps`` through the SDK."""
    device, offered = d415.build("bare")
    assert device
    sensor, profiles = offered["depth"]
    profile = profiles[424, 240, 30]
    queue = rs.frame_queue(2)
    sensor.open(profile)
    sensor.start(queue=queue)
    for name, value in stamps.items():
        sensor.set_metadata(getattr(rs.frame_metadata_value, name), value)
    frame = rs.software_video_frame()
    frame.stride, frame.bpp, frame.profile = 848, 2, profile.as_video_stream_profile()
    frame.pixels = np.ones((240, 424), np.uint16)
    frame.timestamp, frame.frame_number, frame.domain = timestamp_ms, 7, domain
    sensor.on_video_frame(frame)
    came, fetched = queue.try_wait_for_frame(5000)
    assert came
    try:
        return (reader or FrameReader("depth", DeviceClock())).read(fetched, lsl_time(), {})
    finally:
        del fetched
        sensor.stop()
        sensor.close()


HARDWARE, SYSTEM = rs.timestamp_domain.hardware_clock, rs.timestamp_domain.system_time


@pytest.mark.parametrize(
    ("stamps", "domain", "number", "device_time"),
    [
        ({"frame_counter": 7, "sensor_timestamp": 5_000_000, "frame_timestamp": 6_000_000}, HARDWARE, 7, 5.0),
        ({"frame_counter": 7, "frame_timestamp": 6_000_000}, HARDWARE, 7, 6.0),
        ({"frame_counter": 7}, HARDWARE, 7, 8.125),
        ({}, SYSTEM, -1, 8.125),
    ],
)
def test_the_best_stamp_there_is(stamps: dict[str, int], domain: Any, number: int, device_time: float) -> None:  # noqa: ANN401 - SDK
    frame = read_bare(stamps, 8125.0, domain)
    assert frame.device_time == device_time
    assert frame.frame_number == number  # without the camera's own counter there is none
    assert frame.metadata["timestamp_domain"] == int(domain)
    assert frame.metadata["sdk_frame_number"] == 7


def test_a_stamp_that_goes_missing_is_not_guessed() -> None:
    reader = FrameReader("depth", DeviceClock())
    assert read_bare({"sensor_timestamp": 5_000_000}, 8125.0, HARDWARE, reader).device_time == 5.0
    assert math.isnan(read_bare({}, 8125.0, SYSTEM, reader).device_time)


# What cannot be opened ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "says"),
    [
        ({"source": "live", "serial": "999"}, ("no RealSense camera with serial 999", "found: ")),
        ({"color": SMALL | {"options": {"laser_power": 1}}}, ("RGB Camera has no option 'laser_power'", "it has: ")),
        ({"color": SMALL | {"options": {"exposure": 20000}}}, ("refuses 20000", "1 to 10000 in steps of 1")),
        ({"color": SMALL | {"options": {"white_balance": 4601}}}, ("refuses 4601", "2800 to 6500 in steps of 10")),
        ({"depth": SMALL | {"options": {"stereo_baseline": 50}}}, ("'stereo_baseline'", "can only be read")),
        ({"depth": {"width_px": 4000}}, ("no depth of 4000x720 at 30 Hz", "depth 1280x720 z16 30 Hz")),
        ({"simulated": {"usb_type": "2.1"}}, ("USB 2.1", "USB 3 port", "allow_usb2")),
        ({"source": "file", "path": "no_such.db3"}, ("no recording no_such.db3", "path")),
    ],
)
def test_one_clear_line(keys: dict[str, Any], says: tuple[str, ...]) -> None:
    camera = realsense.create(config(**keys))
    with pytest.raises(DeviceError) as caught:
        camera.open()
    camera.close()
    for words in says:
        assert words in str(caught.value)
    assert caught.value.where == "camera"
    assert "\n" not in str(caught.value)


def test_usb2_can_be_allowed() -> None:
    with opened(config({"usb_type": "2.1"}, allow_usb2=True)) as camera:
        assert camera.describe()[0].attributes["usb_type"] == "2.1"


def test_a_file_that_is_no_recording(tmp_path: Path) -> None:
    path = tmp_path / "junk.db3"
    path.write_bytes(b"junk" * 100)
    camera = realsense.create(config(source="file", path=path))
    with pytest.raises(DeviceError, match=r"junk\.db3 cannot be read"):
        camera.open()
    camera.close()


def test_the_truth_is_written_and_never_overwrites(tmp_path: Path) -> None:
    path = tmp_path / "truth.jsonl"
    it = config({"truth_path": path, "faults": {"drop": {"color": [2]}}})
    with opened(it) as camera:
        run_until(camera, 5)
        truth = truth_of(camera)
    rows = [Truth(**json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
    assert rows == truth
    assert [(t.index, t.lost) for t in rows if t.lost] == [(2, "drop")]
    again = realsense.create(it)
    with pytest.raises(DeviceError, match="would overwrite"):
        again.open()
    again.close()


# A recording of the SDK's own recorder --------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[Truth]]:
    """Two seconds of the software device with drops, as ``rs.recorder`` wrote them, and the truth."""
    path = tmp_path_factory.mktemp("recording") / "camera.db3"
    settings = config({"faults": {"drop": {"color": ["10-12"], "depth": [20]}}, "clock_start_us": 2**32 - 700_000})
    assert settings.simulated is not None
    camera = SoftwareD415(settings.simulated, settings.color.size, settings.depth.size)
    device = camera.find()
    recorder = rs.recorder(str(path), device)
    queue = rs.frame_queue(1000, True)
    sensors = list(recorder.query_sensors())
    for sensor in sensors:
        for profile in sensor.get_stream_profiles():
            video = profile.as_video_stream_profile()
            if (video.width(), video.height(), video.fps()) == settings.color.size:
                sensor.open(profile)
                break
        sensor.start(queue=queue)
    camera.started()
    deadline = time.monotonic() + 60
    while not all(any(t.index >= 60 and t.stream == s for t in camera.truth()) for s in BOTH):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    camera.stop()
    for sensor in sensors:
        sensor.stop()
        sensor.close()
    truth = camera.truth()
    del sensors, sensor, profile, video, recorder, device  # the file is complete when nothing holds the recorder
    camera.close()
    return path, truth


@pytest.mark.parametrize("real_time", [True, False])
def test_a_recording_comes_out_whole(recording: tuple[Path, list[Truth]], real_time: bool) -> None:
    path, truth = recording
    with opened(config(source="file", path=path, real_time=real_time)) as camera:
        with flowing(camera) as flow:
            flow.join()
        color, depth = camera.describe()
        for stream in BOTH:
            frames = flow.frames(stream)
            delivered = [t for t in truth if t.stream == stream and t.delivered is not None]
            whole = len(delivered)
            if real_time:  # played at its own pace, the SDK skips what a busy machine is too late for
                numbers = {f.frame_number for f in frames}
                delivered = [t for t in delivered if t.number in numbers]
            assert [f.frame_number for f in frames] == [t.number for t in delivered]
            assert [read_strip(f.pixels).index for f in frames] == [t.index for t in delivered]
            assert np.diff([f.device_time for f in frames]).min() == pytest.approx(1 / 30, abs=1e-5)  # across the wrap
            for frame in frames:
                assert {"sensor_timestamp", "frame_timestamp", "backend_timestamp", "time_of_arrival"} <= set(
                    frame.metadata
                )
            gaps = gaps_of(camera, frames)
            assert sum(g.count for g in gaps) == (3 if stream == "color" else 1) + whole - len(frames)
            if whole == len(frames):
                assert [(g.cause, g.count) for g in gaps] == [(Cause.DROPPED, 3 if stream == "color" else 1)]
    assert color.attributes["source"] == "file"
    assert color.simulated  # a recording of a simulated camera is no measurement
    assert depth.attributes["depth_units"] == 0.001
    assert depth.attributes["stereo_baseline_mm"] == 55
    assert depth.attributes["extrinsics_to_color_translation"] == pytest.approx([0.015, 0, 0])
    assert flow.gaps() == []


def test_a_slow_reader_loses_nothing_of_a_file(recording: tuple[Path, list[Truth]]) -> None:
    path, truth = recording
    frames: list[Frame] = []

    def emit(chunk: Chunk) -> None:
        assert isinstance(chunk, Frame)
        frames.append(chunk)
        time.sleep(0.02)

    with opened(config(source="file", path=path, real_time=False)) as camera, flowing(camera, emit) as flow:
        flow.join()
    assert len(frames) == len([t for t in truth if t.delivered is not None])
    assert not any(f.metadata["host_overflow"] for f in frames)


def test_a_file_can_be_stopped_while_it_waits_for_us(recording: tuple[Path, list[Truth]]) -> None:
    path, _ = recording
    stop = threading.Event()
    emitted: list[Chunk] = []

    def emit(chunk: Chunk) -> None:
        emitted.append(chunk)
        time.sleep(0.5)  # meanwhile the queue runs full
        stop.set()

    with opened(config(source="file", path=path, real_time=False)) as camera:
        thread = threading.Thread(target=camera.run, args=(emit, stop))
        thread.start()
        thread.join(30)
        assert not thread.is_alive()
    assert len(emitted) == 1  # a later one would follow on a gap that the recording does not have
