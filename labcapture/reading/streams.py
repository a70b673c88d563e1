"""The streams of a session: pictures, sound, signals. Nothing is read before it is asked for."""

from labcapture.reading.pictures import ComputedPictures, FrameStream, Pictures
from labcapture.reading.signals import AudioStream, SampleStream, Signal
from labcapture.reading.tables import Table, read_attributes, read_table

__all__ = [
    "AudioStream",
    "ComputedPictures",
    "FrameStream",
    "Pictures",
    "SampleStream",
    "Signal",
    "Table",
    "read_attributes",
    "read_table",
]
