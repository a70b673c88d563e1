"""What the head calibration takes for the least distance, for every depth profile of a D415, without a session."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import pytest

from labcapture.core.chunks import StreamSpec
from labcapture.devices import realsense
from labcapture.devices.simulated import d415
from labcapture.engine.head_measure import HeadOptics, camera_streams

COLOR = {"width_px": 424, "height_px": 240}
BASELINE_MM, DISPARITIES = 55.0, 126  # of the data sheet
PUBLISHED_MM = {(1280, 720): (438, 450), (640, 360): (219, 220)}
"""Of 44 to 45 cm and 22 cm; the nominal optics give 438 and 219 mm."""


def opened(width: int, height: int, rate_hz: int) -> Sequence[StreamSpec]:
    """Return what a camera says of itself that was opened with this depth profile."""
    depth = {"width_px": width, "height_px": height, "rate_hz": rate_hz}
    simulated = {"pictures": 1}
    keys = {"name": "camera", "source": "simulated", "color": COLOR, "depth": depth, "simulated": simulated}
    camera = realsense.create(realsense.Config.model_validate(keys))
    try:
        camera.open()
        return camera.describe()
    finally:
        camera.close()


SIZES = {size[:2]: size for size in d415.PROFILES["depth"]}
"""One rate of each size: the optics of a profile do not depend on its rate (see test_geometry)."""


@pytest.mark.parametrize("size", SIZES.values(), ids=lambda size: "{}x{}@{}".format(*size))
def test_min_z_follows_from_what_the_opened_camera_says(size: d415.Size) -> None:
    width, height, rate_hz = size
    streams = opened(*size)
    color, depth = camera_streams(streams)
    assert (depth.shape, depth.rate_hz) == ((height, width), rate_hz)
    optics = HeadOptics.of(streams)
    assert optics.min_z_mm == depth.attributes["intrinsics_fx"] * BASELINE_MM / DISPARITIES
    # 65 degrees across at 16:9; narrower profiles are cut at the sides.
    across = height * 16 / 9
    assert optics.min_z_mm == pytest.approx(across / 2 / math.tan(math.radians(65) / 2) * 55 / 126, rel=1e-5)
    assert optics.max_z_mm == math.inf
    if (width, height) in PUBLISHED_MM:
        least, most = PUBLISHED_MM[width, height]
        assert least - 1 < optics.min_z_mm < most + 1
    for shift in (1, 30, 100):
        shifted = dataclasses.replace(depth, attributes={**depth.attributes, "disparity_shift": shift})
        nearer = HeadOptics.of([color, shifted])
        assert nearer.min_z_mm == depth.attributes["intrinsics_fx"] * BASELINE_MM / (DISPARITIES + shift)
        assert nearer.max_z_mm == depth.attributes["intrinsics_fx"] * BASELINE_MM / shift
        assert nearer.min_z_mm < optics.min_z_mm < nearer.max_z_mm
