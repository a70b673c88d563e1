"""The state of the recorder at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from labcapture.recording.quality import TrialVerdict


@dataclass(frozen=True, slots=True)
class RecorderStatus:
    """The recorder at one moment.

    Parameters
    ----------
    queue_bytes, queue_limit_bytes
        What waits to be written, and its bound.
    encode_backlog
        Pictures that wait for an encoder.
    raw_frames
        Pictures stored raw because encoding fell behind.
    recorded, lost
        Frames or samples of each stream that were accepted for the file, and those lost by the recorder.
    written_bytes
        Pictures and signals so far.
    sync_age_s
        Seconds since the disk last held everything.
    error
        What failed; empty if nothing did. Once writing has failed, all data are refused.
    verdicts
        Of the trials that are finished.
    """

    queue_bytes: int
    queue_limit_bytes: int
    encode_backlog: int
    raw_frames: int
    recorded: Mapping[str, int]
    lost: Mapping[str, int]
    written_bytes: int
    sync_age_s: float
    error: str
    verdicts: Mapping[str, TrialVerdict]
