"""Markers: each on LSL and in the session, with the one time that was read at the flip."""

from __future__ import annotations

import uuid

from pylsl import IRREGULAR_RATE, StreamInfo, StreamOutlet

from labcapture.stage.link import Link
from labcapture.stage.messages import Marker

STREAM = "labcapture-stage"


class Markers:
    """An LSL outlet of type ``Markers``; each sample is ``"<label> <step>"``.

    Parameters
    ----------
    link
        The line to the engine, which gets the same as a `Marker`.
    """

    def __init__(self, link: Link) -> None:
        self.source_id = f"{STREAM}-{uuid.uuid4()}"  # every run is a source of its own
        info = StreamInfo(STREAM, "Markers", 1, IRREGULAR_RATE, "string", self.source_id)
        self._outlet = StreamOutlet(info)
        self._link = link

    def push(self, label: str, time: float, step: str = "") -> None:
        """Push a marker that happened at LSL ``time`` (s)."""
        self._outlet.push_sample([f"{label} {step}".strip()], time)
        self._link.send(Marker(label=label, time=time, step=step))
