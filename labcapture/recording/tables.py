"""Tables of what was asked, answered and decided while a protocol ran, as data for `labcapture.recording.registry`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    ``dtype`` is a numpy name, ``utf8[n]`` (UTF-8 text of at most n bytes) or ``utf8`` (UTF-8 text of any length).
    """

    name: str
    dtype: str
    units: str
    description: str


_STEP = Column("step", "utf8[64]", "", "step of the protocol; empty if none")
_TRIAL = Column("trial", "utf8[64]", "", "trial that was open; empty if none")

MARKERS = (
    Column("time", "float64", "s", "when it happened"),
    Column("label", "utf8", "", "what happened"),
    Column("source", "utf8[32]", "", "stage, engine or experimenter"),
    Column("step", "utf8[64]", "", "step of the protocol; empty if none"),
)
FLIPS = (
    Column("trial", "utf8[64]", "", "id of the trial; empty if it was not recorded"),
    Column("step", "utf8[64]", "", "step of the protocol"),
    Column("flip", "int64", "", "index of the flip in the step"),
    Column("time", "float64", "s", "when the flip happened"),
    Column("movie_time", "float64", "s", "position of the film frame on the screen"),
    Column("late", "bool", "", "True: the flip came later than its refresh"),
)
NOTES = (
    Column("time", "float64", "s", "when it was written"),
    Column("text", "utf8", "", "the note"),
)
ANSWER = (
    Column("time", "float64", "s", "when the answer was given"),
    Column("step", "utf8[64]", "", "step of the protocol"),
    Column("trial", "utf8[64]", "", "trial that it speaks of; empty if none"),
    Column("question", "utf8[64]", "", "id of the question"),
    Column("value", "utf8", "", "the answer as text; empty if there was none"),
    Column("number", "float64", "", "the answer as a number; NaN if it is none"),
    Column("reaction_time", "float64", "s", "from the onset of the question"),
    Column("since_clip_s", "float64", "s", "from the onset of the last clip shown before; NaN if there was none"),
    Column("by", "utf8[16]", "", "participant, experimenter or autopilot"),
)
STEPS = (
    Column("time", "float64", "s", "when it happened; of an operator's command: when the key was pressed"),
    Column(
        "event",
        "utf8[24]",
        "",
        "start, show, done, failed, stopped, skip, skipped, redo, jump, pause, resume, confirm, due, enter, assign, "
        "book, supersede, abort, broken, lost or finish",
    ),
    _STEP,
    Column("take", "int64", "", "how often the step was shown by then; 0: not yet"),
    Column("trial", "utf8[64]", "", "trial that was open, or that the event speaks of; empty if none"),
    Column("state", "utf8[16]", "", "state of the step after it: pending, running, done, failed or skipped"),
    Column("detail", "utf8", "", "reason, target or value"),
)
RESPONSES = (
    Column("step", "utf8[64]", "", "step of the protocol that asked"),
    Column("group", "utf8[64]", "", "group of questions that it belongs to"),
    Column("item", "utf8[64]", "", "what was asked about"),
    Column("role", "utf8[16]", "", "opening, item, probe, target, attention, buffer or free"),
    Column("expected", "utf8[8]", "", "answer that the participant was told to give; empty if none"),
    Column("answer", "utf8", "", "the answer as the experimenter entered it; empty if none was entered"),
    Column("question_start", "float64", "s", "when the interviewer began to ask; if not marked: when the step began"),
    Column("question_end", "float64", "s", "when the question was asked to its end; NaN if not marked"),
    Column("answer_time", "float64", "s", "when the experimenter entered the answer; NaN if none was entered"),
    Column("voice_onset", "float64", "s", "when a voice began after the question; NaN if none was found"),
    Column("latency_s", "float64", "s", "voice_onset - question_end; NaN if either is unknown"),
    Column("method", "utf8", "", "how the voice onset was found, or why it was not"),
    Column("take", "int64", "", "which showing of the step"),
)
LEDGER = (
    Column("time", "float64", "s", "when the experimenter marked it"),
    Column("mark", "utf8[100]", "", "label of the marker"),
    _STEP,
    _TRIAL,
    Column("change", "float64", "", "in the currency of the protocol's ledger"),
    Column("balance", "float64", "", "after it"),
)
FLAGS = (
    Column("step", "utf8[64]", "", "the review"),
    Column("trial", "utf8[64]", "", "the trial that was reviewed"),
    Column("first_frame", "int64", "", "index of the first flagged picture in the trial"),
    Column("last_frame", "int64", "", "index of the last one, which is flagged, too"),
    Column("first_time", "float64", "s", "when the first one was taken; NaN if the trial has no such picture"),
    Column("last_time", "float64", "s", "when the last one was taken"),
    Column("start", "float64", "s", "when the participant began to flag"),
    Column("stop", "float64", "s", "when the participant ended it"),
    Column("by", "utf8[16]", "", "participant or autopilot"),
)
ASSIGNMENTS = (
    Column("time", "float64", "s", "when it got its value"),
    Column("variable", "utf8[32]", "", "variable of the protocol"),
    Column("value", "utf8", "", "its value"),
    Column("how", "utf8[16]", "", "balanced, random or entered; set: known when the session was prepared"),
    Column("by", "utf8[16]", "", "engine, experimenter, assistant or autopilot"),
    Column("within", "utf8", "", "variables and values within which it was balanced, as JSON"),
)
_EVENT = (
    ("marker", "when it was shown, or due at the converter, by the stage; NaN if not marked"),
    ("earliest", "it began after this, by the stream's own times; NaN if it was not found"),
    ("latest", "and before this"),
    ("offset", "middle of the two, less the marker"),
)
SYNC_TEST = (
    Column("pair", "int64", "", "flash and tone of the test, counted from 0"),
    Column("step", "utf8[64]", "", "step of the protocol"),
    *(Column(f"{what}_{name}", "float64", "s", text) for what in ("flash", "tone") for name, text in _EVENT),
)
SYNC_FIGURES = (
    ("picture_stream", "utf8", "", "camera stream in which flashes were looked for"),
    ("sound_stream", "utf8", "", "sound in which tones were looked for"),
    ("camera_period_s", "float64", "s", "median step between two pictures"),
    ("screen_period_s", "float64", "s", "of the participant's screen"),
    ("flash_limit_s", "float64", "s", "one camera frame and one screen frame"),
    ("flash_within_limit", "int64", "", "flashes whose offset keeps this limit"),
    *(
        (f"{what}_{name}", dtype, units, text)
        for what, plural in (("flash", "flashes"), ("tone", "tones"))
        for name, dtype, units, text in (
            ("due", "int64", "", f"{plural} that were marked"),
            ("found", "int64", "", f"{plural} that were found"),
            ("median_s", "float64", "s", "median offset from the marker"),
            ("p5_s", "float64", "s", "5 % of the offsets are smaller"),
            ("p95_s", "float64", "s", "5 % of the offsets are larger"),
            ("max_abs_s", "float64", "s", "largest offset, either way"),
            ("uncertainty_s", "float64", "s", "the median is known to +- this"),
        )
    ),
)
PREFLIGHT = (
    Column("time", "float64", "s", "when the look was over"),
    Column("group", "utf8[32]", "", "device, stage, films, disk, machine or rehearsal"),
    Column("what", "utf8[64]", "", "what was looked at"),
    Column("verdict", "utf8[8]", "", "ok, warn or fail"),
    Column("reading", "utf8", "", "what was found"),
    Column("limit", "utf8", "", "what it was held against"),
    Column("override", "utf8", "", "why the session began although this row failed; empty for all others"),
)
CALIBRATION = (
    Column("time", "float64", "s", "when it ended"),
    Column("step", "utf8[64]", "", "step of the protocol"),
    Column("take", "int64", "", "which showing of the step"),
    Column("skipped", "bool", "", "True: it was ended before the head was in its place"),
    Column("reason", "utf8", "", "why; empty where the head was in its place"),
    Column("seen", "utf8[16]", "", "face, turned away, covered, out of frame or unknown"),
    Column("nearest_mm", "float64", "mm", "nearest point of the face, median over a second; NaN: not measured"),
    Column("median_mm", "float64", "mm", "median distance of the face"),
    Column("min_z_mm", "float64", "mm", "least distance that the depth profile measures"),
    Column("max_z_mm", "float64", "mm", "greatest one; NaN: no end"),
    Column("fill_rate", "float64", "", "share of the face that has a depth"),
    Column("face_share", "float64", "", "share of the colour picture that the face fills"),
    Column("roll_deg", "float64", "deg", "tilted to the right in the picture"),
    Column("yaw_deg", "float64", "deg", "turned to the left in the picture"),
    Column("pitch_deg", "float64", "deg", "chin raised"),
    Column("brightness", "float64", "", "mean grey level of the face, of 255"),
    Column("clipped", "float64", "", "share of the face that is pure white or black"),
    Column("face_found", "float64", "", "share of the pictures in which a face was found"),
    Column("pictures", "int64", "", "how many were measured"),
    Column("held_s", "float64", "s", "for how long all limits had held"),
    Column("locked", "utf8", "", "camera options that were then held, as JSON"),
    Column("picture", "int64", "", "row of color and depth that shows the head; -1: none"),
)
CALIBRATION_LIMITS = (
    Column("step", "utf8[64]", "", "step of the protocol"),
    Column("take", "int64", "", "which showing of the step"),
    Column("what", "utf8[32]", "", "what was held against limits"),
    Column("reading", "float64", "", "as measured; NaN: not measured"),
    Column("least", "float64", "", "NaN: none"),
    Column("most", "float64", "", "NaN: none"),
    Column("ok", "bool", "", "True: it kept them"),
)
SESSION_TABLES = (
    "/markers",
    "/self_report",
    "/answers",
    "/steps",
    "/responses",
    "/ledger",
    "/review_flags",
    "/assignments",
    "/preflight",
    "/sync_test",
    "/stimulus_flips",
    "/notes",
    "/clock/wall",
    "/calibration/results",
    "/calibration/limits",
)
"""Tables with which a session begins, empty."""
