"""The analyst's way into a session: read only, without Qt, PsychoPy, RealSense or PortAudio.

>>> import labcapture.reading
>>> session = labcapture.reading.open("sessions/P007_01_20261121T101500Z")  # doctest: +SKIP
>>> session.part, session.trials["03_e"].color[0].shape  # doctest: +SKIP
('A', (720, 1280, 3))
"""

from labcapture.reading.calibrated import Calibration, calibrations
from labcapture.reading.live import LiveSession
from labcapture.reading.moment import Moment, Picture
from labcapture.reading.session import Session, open_session
from labcapture.reading.side_by_side import Pair
from labcapture.reading.streams import AudioStream, ComputedPictures, FrameStream, Pictures, SampleStream, Signal
from labcapture.reading.trial import Trial

open = open_session

__all__ = [
    "AudioStream",
    "Calibration",
    "ComputedPictures",
    "FrameStream",
    "LiveSession",
    "Moment",
    "Pair",
    "Picture",
    "Pictures",
    "SampleStream",
    "Session",
    "Signal",
    "Trial",
    "calibrations",
    "open",
    "open_session",
]
