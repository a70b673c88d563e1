"""The RealSense SDK (``rs``), imported in one place: it ships neither stubs nor inline types."""

from __future__ import annotations

from typing import Any

from labcapture.core.errors import DeviceError

try:
    import pyrealsense2 as rs  # type: ignore[import-untyped]  # see above
except ImportError as missing:
    raise DeviceError(
        f"the RealSense SDK cannot be loaded ({missing})", "pyrealsense2", "pip install 'labcapture[rig]'"
    ) from missing

Sdk = Any
"""An object of the SDK: device, sensor, profile, frame, ... (the text around it says which)."""

__all__ = ["Sdk", "rs"]
