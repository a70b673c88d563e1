"""The registry of `labcapture.recording.schema`: everything that may stand in a session, in one place, as data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from labcapture.recording import tables
from labcapture.recording.tables import Column

FORMAT = "labcapture"

File = Literal["session", "trial"]
Kind = Literal["group", "array", "table", "text", "attribute", "link"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that may stand in a file.

    Parameters
    ----------
    file
        ``session`` (session.h5) or ``trial`` (trials/<trial>.h5).
    path
        Pattern of its path; see the module's text.
    kind
        ``array`` and ``table`` are datasets (a table has a compound type), ``text`` a scalar string dataset.
    dtype
        numpy name, ``utf8``, or ``stream`` for the dtype that the stream declares. Empty for groups, tables and links.
    shape
        As text: ``n`` rows, ``b`` blocks, ``c`` channels. Empty for scalars and groups.
    units
        Empty for numbers without a unit; ``stream`` for the unit that the stream declares.
    optional
        False: every session (or trial, or stream of the kind) has it.
    since
        First version of the format that has it.
    columns
        Of a table, in order.
    """

    file: File
    path: str
    kind: Kind
    dtype: str
    shape: str
    units: str
    description: str
    optional: bool = False
    since: int = 1
    columns: tuple[Column, ...] = ()


_GAPS = (
    Column("cause", "utf8[24]", "", "dropped, slow, disconnect, host_overflow or recorder_overflow"),
    Column("first", "int64", "", "first missing frame number or sample index; -1 where there is no counter"),
    Column("last", "int64", "", "last missing one; first - 1 where nothing is missing"),
    Column("count", "int64", "", "how many are missing; in a trial: how many of them were due in the trial"),
    Column("start", "float64", "s", "arrival of the last record before the gap"),
    Column("stop", "float64", "s", "arrival of the first record after it; NaN where none came"),
    Column("note", "utf8[240]", "", "how the count was found, what the driver said"),
)
_LOSSES = (
    Column("trial", "utf8[64]", "", "id of the trial"),
    Column("stream", "utf8[32]", "", "name of the stream"),
    Column("due", "int64", "", "frames that should have come: recorded and missing ones"),
    Column("recorded", "int64", "", "frames in the file"),
    Column("lost_before_us", "int64", "", "frames that the device dropped, or was away for"),
    Column("lost_by_us", "int64", "", "frames lost by a host or recorder overflow"),
    Column("longest_run", "int64", "", "most missing frames in a row"),
    Column("slow_steps", "int64", "", "steps of device time that were too long without a missing frame"),
    Column("mean_rate_hz", "float64", "Hz", "measured rate, missing frames counted as taken"),
    Column("nominal_rate_hz", "float64", "Hz", "rate that the stream declares"),
)
_WINDOWS = (
    Column("trial", "utf8[64]", "", "id of the trial"),
    Column("stream", "utf8[32]", "", "name of the stream"),
    Column("window", "utf8", "", "critical window of the rule; empty: the whole trial"),
    Column("start", "float64", "s", "from here on, by the time at which frames were taken; NaN: the whole trial"),
    Column("stop", "float64", "s", "and before here"),
    Column("due", "int64", "", "frames or samples that should have come: recorded and missing ones"),
    Column("recorded", "int64", "", "frames or samples in the file"),
    Column("lost_before_us", "int64", "", "lost by the device, or while it was away"),
    Column("lost_by_us", "int64", "", "lost by a host or recorder overflow"),
    Column("longest_run", "int64", "", "most missing ones in a row"),
    Column("slow_steps", "int64", "", "steps of device time that were too long without a missing frame"),
    Column("longest_step_s", "float64", "s", "longest time between two frames that follow each other; 0 for signals"),
)


_OFFSETS = (
    Column("time", "float64", "s", "when it was measured"),
    Column("offset", "float64", "s", "LSL time here = raw_time + offset"),
    Column("uncertainty", "float64", "s", "the offset is known to +- this"),
    Column("segment", "int64", "", "segment that it holds for"),
)
_WALL = (
    Column("time", "float64", "s", "LSL time"),
    Column("unix_time", "float64", "s", "UTC, seconds since 1970"),
    Column("uncertainty", "float64", "s", "the two were read within +- this"),
)
_VERDICTS = (
    Column("trial", "utf8[64]", "", "id of the trial"),
    Column("annotatable", "bool", "", "True: every limit of the rule was kept"),
    Column("reasons", "utf8", "", "limits that were not kept, one sentence a line"),
)
_BLOCKS = (
    ("row", "int64", "", "row of samples at which the block starts"),
    ("first_sample", "int64", "", "count of that sample since the stream was opened; lost samples are counted too"),
    ("adc_time", "float64", "s", "capture of its first sample as the driver told it; NaN where it could not be used"),
    ("arrival_time", "float64", "s", "when the block reached us"),
    ("time", "float64", "s", "capture of its first sample by the fit of sample count to LSL time"),
    ("time_uncertainty", "float64", "s", "half width of its 95 % interval"),
)
_SAMPLES = (
    ("raw_time", "float64", "s", "as the sender stamped it, uncorrected"),
    ("time", "float64", "s", "raw_time corrected by the clock offsets"),
    ("time_uncertainty", "float64", "s", "half width of its 95 % interval"),
    ("arrival_time", "float64", "s", "when the sample reached us"),
    ("segment", "int64", "", "grows when the stream was lost and came back"),
)
_PAIRS = (
    ("device_time", "float64", "s", "device clock, raw, all of the session"),
    ("arrival_time", "float64", "s", "LSL time at which it reached us"),
)
_FIT = (
    ("segment", "int64", "", "epoch of the device clock of each knot"),
    ("device_time", "float64", "s", "knots of the piecewise line, device clock"),
    ("lsl_time", "float64", "s", "knots of the piecewise line, LSL time"),
    ("uncertainty", "float64", "s", "half width of the 95 % interval at each knot"),
    ("segment_arrival", "float64", "s", "arrival of the first pair of each epoch"),
)
_FRAMES = (
    ("time", "float64", "s", "device_time on the LSL clock, by the fit"),
    ("time_uncertainty", "float64", "s", "half width of its 95 % interval"),
    ("device_time", "float64", "s", "device clock, unwrapped, otherwise raw"),
    ("arrival_time", "float64", "s", "when the frame reached this process"),
    ("frame_number", "int64", "", "the device's own counter; -1: it has none"),
)


def _attributes(
    file: File, path: str, rows: Iterable[tuple[str, str, str, str]], optional: bool = False
) -> list[Entry]:
    """Return entries for (name, dtype, units, description)."""
    return [Entry(file, f"{path}@{n}", "attribute", d, "", u, text, optional) for n, d, u, text in rows]


_IDENTITY = (
    ("format", "utf8", "", f'always "{FORMAT}"'),
    ("version", "int64", "", "version of the format"),
    ("participant", "utf8", "", "pseudonym of the participant"),
    ("session", "utf8", "", "id of the session"),
    ("protocol", "utf8", "", "name of the protocol"),
    ("paradigm", "utf8", "", "neutralization, mock_crime, perception or none"),
    ("rig", "utf8", "", "name of the rig"),
    ("language", "utf8", "", "language of the participant's texts"),
    ("simulated", "bool", "", "True: at least one instrument was simulated; not a measurement of anyone"),
    ("autopilot", "int64", "", "seed of the autopilot that answered; -1: a participant did"),
    ("software", "utf8", "", "versions of the software, as JSON"),
    ("started_utc", "utf8", "", "start of the session, ISO 8601"),
    ("experimenter", "utf8", "", "pseudonym of the experimenter; empty if not given"),
    ("seed", "int64", "", "from which the order of steps and every draw follow, with the participant's pseudonym"),
    ("place", "int64", "", "sessions of this protocol that the lab had before: row of a balanced order"),
    ("variables", "utf8", "", "variables set for this session when it was prepared, as JSON"),
    ("resumed_from", "utf8", "", "folder of the session that this one goes on with; empty if none"),
)
_CODEC = (("codec", "utf8", "", "encoding of the pictures: magicyuv, jxl, blosc2 or gzip; jxl where it is not said"),)
_RECOVERED = (("recovered", "bool", "", "True: the recording broke off, and the file was made anew from its journal"),)
_TRANSCODED = (
    ("transcoded_from", "utf8", "", "SHA-256 of the file checksums of the session that it was made of"),
    ("transcoded_utc", "utf8", "", "when, ISO 8601"),
    ("transcoded_by", "utf8", "", "by which version of labcapture"),
)
_PACKED = (
    ("packed_from", "utf8", "", "of a packed file: SHA-256 of the file checksums of the session that it was made of"),
    ("packed_utc", "utf8", "", "when, ISO 8601"),
    ("packed_by", "utf8", "", "by which version of labcapture"),
)
_DIGESTS = "a line for each object and picture of the file but this text: SHA-256, two spaces, path"
_FRAMES_LINK = "external link to /<frames> of trials/<trial>.h5; in a packed file that group itself"
_STREAM = (
    ("kind", "utf8", "", "frames, audio or samples"),
    ("rate_hz", "float64", "Hz", "nominal rate; 0: irregular"),
    ("units", "utf8", "", "unit of the values"),
    ("channels", "utf8", "", "label of each channel, an array of text"),
    ("clock", "utf8", "", "device clock that stamps it: a group of /clock"),
    ("simulated", "bool", "", "True: no real instrument stands behind it"),
    ("long_name", "utf8", "", "title for plots"),
)


_EVERYWHERE = (
    ("units", "utf8", "", "of an array, or of each column of a table"),
    ("long_name", "utf8", "", "what it is"),
    ("missing", "int64", "", "of a column of metadata: stands where a value did not come"),
    ("NX_class", "utf8", "", "NXroot or NXdata, for NeXus readers"),
    ("signal", "utf8", "", "of a stream's group: what to plot"),
    ("axes", "utf8", "", "of a stream's group: against what, per dimension"),
)


def _arrays(
    file: File, group: str, shape: str, rows: Iterable[tuple[str, str, str, str]], optional: bool = False
) -> list[Entry]:
    """Return entries for (name, dtype, units, description)."""
    return [Entry(file, f"{group}/{n}", "array", d, shape, u, text, optional) for n, d, u, text in rows]


def _table(file: File, path: str, columns: tuple[Column, ...], description: str) -> Entry:
    return Entry(file, path, "table", "", "(n,)", "", description, columns=columns)


def _registry() -> tuple[Entry, ...]:
    s: File = "session"
    t: File = "trial"
    e = Entry
    return (
        *_attributes(s, "/", _IDENTITY),
        *_attributes(
            s,
            "/",
            (
                ("start_time", "float64", "s", "LSL time of started_utc"),
                ("closed", "bool", "", "True: the session was closed in order"),
                ("part", "utf8", "", "A, B, C, C-unlabelled or none; empty until closed"),
                ("verdict", "utf8", "", "verdict of the session; empty until closed"),
                ("reason", "utf8", "", "why, in a sentence; empty until closed"),
                ("completed", "bool", "", "True: every step of the protocol was run"),
                ("error", "utf8", "", "what failed while it ran; empty if nothing did"),
            ),
        ),
        *_attributes(s, "/", _CODEC, optional=True),
        *_attributes(s, "/", _TRANSCODED, optional=True),
        *_attributes(s, "/", _PACKED, optional=True),
        e(s, "/packed", "group", "", "", "", "of a packed file: what lay beside session.h5, and its digests", True),
        e(s, "/packed/digests", "text", "utf8", "", "", _DIGESTS, True),
        e(s, "/packed/<key>", "text", "utf8", "", "", "log.jsonl, summary.json and checksums, word for word", True),
        *_attributes(s, "/", _RECOVERED, optional=True),
        e(s, "/protocol", "group", "", "", "", "what was asked for, word for word"),
        e(s, "/protocol/text", "text", "utf8", "", "", "the protocol file as run"),
        e(s, "/protocol/rig", "text", "utf8", "", "", "the rig file as run"),
        e(s, "/streams", "group", "", "", "", "every stream of the rig"),
        e(s, "/streams/<stream>", "group", "", "", "", "what the stream says of itself, as attributes"),
        *_attributes(s, "/streams/<stream>", _STREAM),
        e(s, "/streams/<stream>@<key>", "attribute", "", "", "", "intrinsics, firmware, ... of the instrument", True),
        _table(s, "/streams/<frames>/gaps", _GAPS, "gaps of the whole session as reported, between trials too"),
        e(s, "/trials", "group", "", "", "", "one group per recorded trial, in order"),
        e(s, "/trials/<trial>", "group", "", "", "", "a recorded trial"),
        *_attributes(
            s,
            "/trials/<trial>",
            (
                ("start", "float64", "s", "frames that arrived from here on"),
                ("stop", "float64", "s", "and before here belong to the trial"),
            ),
        ),
        e(
            s,
            "/trials/<trial>@<key>",
            "attribute",
            "",
            "",
            "",
            "step, clip, emotion, take, ... of the trial; superseded: True where a later take counts",
            True,
        ),
        e(s, "/trials/<trial>/<frames>", "link", "", "", "", _FRAMES_LINK),
        *(
            e(s, f"/{group}", "group", "", "", "", text, group != "<audio>")
            for group, text in (("<audio>", "sound"), ("lsl", "LSL streams other than eda"))
        ),
        *_attributes(s, "/<audio>", _STREAM),
        e(s, "/<audio>@<key>", "attribute", "", "", "", "attributes of the stream", True),
        e(s, "/<audio>/samples", "array", "int16", "(n, c)", "stream", "sound, one row per sample"),
        e(s, "/<audio>/blocks", "group", "", "", "", "times of the blocks in which the sound came"),
        *_arrays(s, "/<audio>/blocks", "(b,)", _BLOCKS),
        _table(s, "/<audio>/gaps", _GAPS, "missing samples"),
        e(s, "/<samples>", "group", "", "", "", "an LSL stream: /eda or /lsl/<name>"),
        *_attributes(s, "/<samples>", _STREAM),
        e(s, "/<samples>@<key>", "attribute", "", "", "", "attributes of the stream", True),
        e(s, "/<samples>/samples", "array", "stream", "(n, c)", "stream", "values, one row per sample"),
        *_arrays(s, "/<samples>", "(n,)", _SAMPLES),
        _table(s, "/<samples>/clock_offsets", _OFFSETS, "measurements of the sender's clock"),
        _table(s, "/<samples>/gaps", _GAPS, "missing samples"),
        _table(s, "/markers", tables.MARKERS, "events on the one clock"),
        _table(s, "/self_report", tables.ANSWER, "what the participant felt"),
        _table(s, "/answers", tables.ANSWER, "all other answers"),
        _table(s, "/steps", tables.STEPS, "everything that moved the protocol along, in order"),
        _table(s, "/responses", tables.RESPONSES, "questions that the interviewer asked, and what was answered"),
        _table(s, "/ledger", tables.LEDGER, "what the experimenter's marks did to the participant's account"),
        _table(
            s, "/review_flags", tables.FLAGS, "pictures in which the participant says that a movement meant nothing"
        ),
        _table(s, "/assignments", tables.ASSIGNMENTS, "groups and conditions that were decided in the session"),
        replace(_table(s, "/preflight", tables.PREFLIGHT, "the look at the rig before the session"), optional=True),
        _table(s, "/sync_test", tables.SYNC_TEST, "flashes and tones of a sync_test, found in pictures and sound"),
        *_attributes(s, "/sync_test", tables.SYNC_FIGURES, optional=True),
        _table(s, "/stimulus_flips", tables.FLIPS, "every flip of the participant's screen during a film"),
        _table(s, "/notes", tables.NOTES, "what the experimenter wrote"),
        e(s, "/clock", "group", "", "", "", "how the clocks relate to LSL time"),
        _table(s, "/clock/wall", _WALL, "wall clock of this machine against LSL time"),
        e(s, "/clock/<clock>", "group", "", "", "", "a device clock; absent for streams that carry no device time"),
        *_arrays(s, "/clock/<clock>", "(n,)", _PAIRS, optional=True),
        e(
            s,
            "/clock/<clock>/fit",
            "group",
            "",
            "",
            "",
            "the fit (labcapture.core.fit.ClockFit), of an LSL stream its figures; absent without data",
            True,
        ),
        e(
            s,
            "/clock/<clock>/fit@<key>",
            "attribute",
            "",
            "",
            "",
            "its numbers: drift_ppm, residual_p95, ...; of an LSL stream also where its offsets are",
            True,
        ),
        *_arrays(s, "/clock/<clock>/fit", "(k,)", _FIT, optional=True),
        e(s, "/quality", "group", "", "", "", "the rule, what it was applied to, and what follows"),
        *_attributes(
            s,
            "/quality",
            (
                ("rule", "utf8", "", "the rule as run, JSON"),
                ("part", "utf8", "", "as of the session"),
                ("verdict", "utf8", "", "as of the session"),
                ("reason", "utf8", "", "as of the session"),
            ),
        ),
        _table(s, "/quality/counts", _LOSSES, "frames per trial and stream; samples of critical signals"),
        replace(
            _table(s, "/quality/windows", _WINDOWS, "the same per critical window, and the longest step"), optional=True
        ),
        _table(s, "/quality/verdicts", _VERDICTS, "one row per trial"),
        e(s, "/calibration", "group", "", "", "", "where the head was before the clips; what the camera held", True),
        _table(s, "/calibration/results", tables.CALIBRATION, "how each calibration ended"),
        _table(s, "/calibration/limits", tables.CALIBRATION_LIMITS, "what was held against which limits then"),
        e(s, "/calibration/color", "array", "uint8", "(k, h, w, 3)", "", "small pictures of the head", True),
        e(s, "/calibration/depth", "array", "uint16", "(k, h, w)", "", "the same in counts of the depth stream", True),
        *_attributes(t, "/", _IDENTITY),
        *_attributes(
            t,
            "/",
            (
                ("trial", "utf8", "", "id of the trial"),
                ("start", "float64", "s", "frames that arrived from here on"),
                ("stop", "float64", "s", "and before here belong to the trial"),
                ("closed", "bool", "", "True: the trial was closed in order"),
            ),
        ),
        *_attributes(t, "/", _CODEC, optional=True),
        *_attributes(t, "/", _TRANSCODED, optional=True),
        *_attributes(t, "/", _RECOVERED, optional=True),
        e(t, "/@<key>", "attribute", "", "", "", "step, clip, emotion, take, ... of the trial", True),
        e(t, "/<frames>", "group", "", "", "", "a camera stream"),
        *_attributes(t, "/<frames>", _STREAM),
        e(t, "/<frames>@<key>", "attribute", "", "", "", "intrinsics, extrinsics, depth_units, firmware, ...", True),
        e(
            t,
            "/<frames>/frames",
            "array",
            "stream",
            "(n, height, width[, 3])",
            "stream",
            "pictures, one per chunk, encoded without loss as /@codec says, or raw where time was short",
        ),
        *_arrays(t, "/<frames>", "(n,)", _FRAMES),
        e(t, "/<frames>/metadata", "group", "", "", "", "what came with each frame, in the driver's names and units"),
        e(
            t,
            "/<frames>/metadata/<key>",
            "array",
            "int64",
            "(n,)",
            "",
            "value per frame; -2**63 where it did not come",
            True,
        ),
        _table(t, "/<frames>/gaps", _GAPS, "frames due in the trial that are missing, and slow steps"),
        *(entry for file in (s, t) for entry in _attributes(file, "<any>", _EVERYWHERE)),
    )


REGISTRY: tuple[Entry, ...] = _registry()
"""Everything that may stand in a session, in the order in which a reader meets it."""
