"""The columns of a corpus' table: one row per session and trial, and one per session without a trial."""

from __future__ import annotations

from typing import Literal, NamedTuple, get_args

from labcapture.protocol.manifest import Emotion

Type = Literal["text", "int", "float", "bool"]

EMOTIONS: tuple[str, ...] = ("happiness", "disgust", "fear", "anger", "sadness", "surprise", "contempt")
"""The words of CAS(ME)3, Table 3, in its order."""

WORDS: tuple[str, ...] = (
    *EMOTIONS,
    *sorted(set(get_args(Emotion)) - set(EMOTIONS) - {"none", "neutral"}),
)
"""All words for emotions that films and self-reports have."""

STREAMS = ("color", "depth")


class Column(NamedTuple):
    """A column: its name, type, and meaning with its unit."""

    name: str
    type: Type
    meaning: str


SESSION: tuple[Column, ...] = (
    Column("folder", "text", "where the session lies, below the corpus' folder"),
    Column("state", "text", "closed, recovered, never closed, being recorded or damaged"),
    Column("problem", "text", "why it cannot be read in full; empty if it can"),
    Column("participant", "text", "pseudonym of the participant"),
    Column("session", "text", "id of the session"),
    Column("protocol", "text", "name of the protocol"),
    Column("paradigm", "text", "neutralization, mock_crime, perception or none"),
    Column("rig", "text", "name of the rig"),
    Column("part", "text", "A, B, C, C-unlabelled or none"),
    Column("verdict", "text", "labelled or unlabelled"),
    Column("reason", "text", "why, in a sentence"),
    Column("started_utc", "text", "start of the session, ISO 8601"),
    Column("session_length_s", "float", "s, from its start to its end"),
    Column(
        "simulated",
        "bool",
        "true: an instrument was simulated; not a measurement of anyone; empty: the session cannot be read",
    ),
    Column("autopilot", "bool", "true: a program answered for the participant"),
    Column("completed", "bool", "true: every step of the protocol was run"),
    Column("good", "int", "trials that are annotatable"),
    Column("bad", "int", "trials that are not"),
    Column("bytes", "int", "size of all its files"),
    Column("codec", "text", "encoding of the pictures"),
    Column("camera_drift_ppm", "float", "ppm, how much too fast the colour camera's clock runs"),
    Column("camera_residual_p95_s", "float", "s, 95 % of its delays are within this of the fit"),
    Column("camera_uncertainty_s", "float", "s, the fit of its clock is known to +- this"),
    Column("voice_drift_ppm", "float", "ppm, the same of the voice's clock"),
    Column("voice_residual_p95_s", "float", "s"),
    Column("voice_uncertainty_s", "float", "s"),
    Column("eda_offset_uncertainty_s", "float", "s, median: the EDA sender's clock is known to +- this"),
    Column("flash_median_s", "float", "s, median offset of a sync test's flashes from their markers"),
    Column("tone_median_s", "float", "s, the same of its tones"),
    Column("fingerprint", "text", "SHA-256 of its checksums: changes with any of its files"),
    Column("stamp", "text", "times and sizes of its files when this row was made"),
)


_COUNTS = (
    Column("due", "int", "frames of {} that should have come"),
    Column("frames", "int", "frames of {} that are in the file"),
    Column("lost_before_us", "int", "frames of {} lost by the device, or while it was away"),
    Column("lost_by_us", "int", "frames of {} lost by a host or recorder overflow"),
    Column("longest_run", "int", "most missing frames of {} in a row"),
    Column("rate_hz", "float", "Hz, measured rate of {}"),
)


CLIP: tuple[Column, ...] = (
    Column("trial", "text", "id of the trial; empty: the session has none that can be read"),
    Column("clip", "text", "film that was shown"),
    Column("emotion", "text", "what it is meant to elicit"),
    Column("take", "int", "which showing of the step"),
    Column("superseded", "bool", "true: it was shown again, and the later trial counts"),
    Column("outcome", "text", "how the trial ended: done, stopped, ..."),
    Column("annotatable", "bool", "true: it kept every limit of the rule"),
    Column("reasons", "text", "limits that were not kept, one sentence a line"),
    Column("start", "float", "s, LSL time of the session's own clock"),
    Column("length_s", "float", "s, from its start to its stop"),
    *(Column(f"{stream}_{name}", kind, told.format(stream)) for stream in STREAMS for name, kind, told in _COUNTS),
    *(
        Column(f"felt_{word}", "float", f"self-report: how strongly {word} was felt, on the form's scale")
        for word in WORDS
    ),
    Column("felt_most", "text", "self-report: the emotion that was chosen, where the form asks for one"),
    Column("self_report", "text", "all answers of the self-report, as JSON"),
)

COLUMNS = (*SESSION, *CLIP)
