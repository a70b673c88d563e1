"""The tree in which CAS(ME)3 was released: numbered pictures per clip, label workbooks; of Part C voice and physiology.

::

    <out>/README.md  subjects.csv
    <out>/part_A/part_A_labels.xlsx  part_A_ME_labels.xlsx
    <out>/part_A/spNO.7/a/color/0.jpg  a/depth/0.png  a/frames.csv  self_report.csv  about.json
    <out>/part_B/...                            as part A, without labels
    <out>/part_C/part_C_labels.xlsx
    <out>/part_C/spNO.7/color/0.jpg  depth/0.png  frames.csv  about.json
                        video.mp4  voice.wav  physiology.txt
    <out>/part_C-unlabelled/...                 as part C, without labels
    <out>/perception/...  none/...              as part B: sessions of no part, by their paradigm

Any number of sessions go into one tree.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from labcapture import __version__
from labcapture.core.errors import BadInput, RecordingError
from labcapture.export import proof
from labcapture.export.casme3_clip import Clip
from labcapture.export.casme3_interview import write_interview_film, write_signals
from labcapture.export.casme3_labels import make_books
from labcapture.export.casme3_pictures import How, depth_mm, write_pictures
from labcapture.export.casme3_report import write_self_report
from labcapture.export.casme3_subjects import folder_of
from labcapture.export.draft import Draft, Exported, Progress
from labcapture.export.shared import once, shared
from labcapture.reading.session import Session, Trial

OPTIONS: Mapping[str, str] = {
    "color": "jpg (default) or png",
    "quality": "of the JPEG, 1 to 100 (97); colour is never subsampled",
    "depth": "aligned to the colour picture (default), own (as the depth camera sees it) or none",
    "film": "of an interview: h264 (default: video.mp4), ffv1 (video.mkv, every bit as recorded) or no",
    "workers": "threads that encode (as many as there are processors)",
    **proof.OPTION,
}
_PARTS = {"A": "part_A", "B": "part_B", "C": "part_C", "C-unlabelled": "part_C-unlabelled"}


def export(session: Session, out: Path, options: Mapping[str, str], progress: Progress) -> Exported:
    """Write a session into the tree at ``out``.

    Raises
    ------
    BadInput
        An option has no such value, or the session is of no part of CAS(ME)3 and has no pictures.
    RecordingError
        The session is there already, lacks what the layout needs, or the tree cannot be written.
    """
    how = How.of(options)
    proof.check_option(options)
    part = _PARTS.get(session.part, "perception" if session.paradigm == "perception" else "none")
    is_interview = session.part.startswith("C")
    notes: list[str] = []
    clips = list(_clips(session, is_interview, notes))
    if session.part not in _PARTS:
        if not clips:
            what = f"has no pictures, and is of no part of CAS(ME)3 (paradigm {session.paradigm})"
            raise BadInput(what, str(session.folder), "Export it to another format: csv and bids have its answers.")
        notes.append(f"it is of no part of CAS(ME)3, and lies in {part}, in the layout of part B")
    _check_depth(clips, how, notes)
    if session.holds(out):
        raise RecordingError("lies in the session itself", str(out), "Name another folder for the export.")
    _, folder = folder_of(out, session, part)
    with Draft(out / part / folder, session, "casme3", options) as draft:
        proof.prove(session, options, progress)
        about = _write(draft, session, clips, how, progress, notes) if clips else _about(session)
        _write_json(draft, "about.json", about | {"notes": notes})
        with shared(out):
            once(out / "README.md", _write_readme)
        with shared(out / part):
            make_books(out / part, part)
    return draft.exported("casme3", tuple(notes))


def _clips(session: Session, is_interview: bool, notes: list[str]) -> Iterator[Clip]:
    """Yield the clips of a session: of an interview one, of all that was recorded."""
    trials = []
    for trial in session.trials.values():
        if trial.superseded:
            notes.append(f"{trial.id} was shown again: the earlier take is not exported")
        elif "color" not in tuple(trial) or not len(trial.color):
            notes.append(f"{trial.id} has no colour pictures")
        else:
            trials.append(trial)
    if is_interview:
        if trials:
            yield Clip("", tuple(trials))
        return
    taken: set[str] = set()
    for trial in trials:
        label = name = re.sub(r"[^\w-]", "_", trial.id.partition("_")[2] or trial.id)
        place = 1
        while name.casefold() in taken:
            place += 1
            name = f"{label}_{place}"
        if name != label:
            notes.append(f"{trial.id} is clip {name}: another trial has its letter")
        taken.add(name.casefold())
        yield Clip(name, (trial,))


def _check_depth(clips: list[Clip], how: How, notes: list[str]) -> None:
    """Look at one depth picture before anything is written."""
    trials: list[Trial] = [trial for clip in clips for trial in clip.trials]
    if how.depth == "none":
        notes.append("depth was left out, as was asked for")
        return
    with_depth = [trial for trial in trials if "depth" in tuple(trial) and len(trial.depth)]
    notes += [f"{trial.id} has no depth pictures" for trial in trials if trial not in with_depth]
    if with_depth:
        try:
            depth_mm(with_depth[0], how)[0]
        except (RecordingError, KeyError, AttributeError) as error:
            if how.depth == "own":
                raise
            mend = "Run it with --set depth=own for depth as the depth camera sees it."
            where = f"{with_depth[0].id}/depth"
            raise RecordingError(f"cannot be aligned to colour ({error})", where, mend) from error
    if how.depth == "own":
        notes.append("depth is as the depth camera sees it, not aligned to colour, as was asked for")


def _write(
    draft: Draft, session: Session, clips: list[Clip], how: How, progress: Progress, notes: list[str]
) -> dict[str, Any]:
    total = sum(len(clip.grid.numbers) for clip in clips)
    done = 0
    told: dict[str, Any] = {}

    def tell() -> None:
        nonlocal done
        done += 1
        progress("pictures", done, total)

    progress("pictures", 0, total)
    for clip in clips:
        prefix = f"{clip.folder}/" if clip.folder else ""
        shots = clip.shots()
        if draft.lacks(f"{prefix}frames.csv"):  # the last file of a clip
            write_pictures(draft, clip.folder, shots, how, tell)
            with draft.making(f"{prefix}frames.csv") as path:
                clip.write_table(path)
        else:
            done += len(shots)
            progress("pictures", done, total)
        told[clip.folder or "video"] = _facts(clip, notes)
    about = _about(session) | {"clips": told}
    if not clips[0].folder:
        about |= write_signals(draft, session, clips[0], notes)
        if how.film != "no":
            about["video"] = write_interview_film(draft, session, clips[0], how.film, progress)
    elif len(session.self_report):
        with draft.making("self_report.csv") as path:
            write_self_report(path, session, {trial.id: clip.folder for clip in clips for trial in clip.trials})
    cameras = dict.fromkeys(name for clip in clips for trial in clip.trials for name in trial)
    if others := ", ".join(name for name in cameras if name not in {"color", "depth"}):
        notes.append(f"the layout has one camera, no place for {others}")
    if clips[0].folder and (session.audio or session.samples):
        there = ", ".join([*session.audio, *session.samples])
        notes.append(f"the layout has no place for {there} in this part")
    return about


def _facts(clip: Clip, notes: list[str]) -> dict[str, Any]:
    grid = clip.grid
    paired = int((grid.depth >= 0).sum())
    numbers = int(grid.numbers[-1]) + 1
    name = clip.folder or "the video"
    if numbers > len(grid.numbers):
        notes.append(f"{name}: {numbers - len(grid.numbers)} of {numbers} numbers have no picture")
    if len(clip.depth_time) and paired < len(grid.numbers):
        notes.append(f"{name}: {len(grid.numbers) - paired} colour pictures have no depth of their moment")
    return {
        "trials": [trial.id for trial in clip.trials],
        "zero_lsl_s": grid.zero,
        "period_s": grid.period_s,
        "numbers": numbers,
        "color": len(grid.numbers),
        "depth": paired,
    }


def _about(session: Session) -> dict[str, Any]:
    return {
        "session": session.name,
        "participant": session.participant,
        "part": session.part,
        "verdict": session.verdict,
        "simulated": session.simulated,
        "fingerprint": session.fingerprint,
        "exported_by": f"labcapture {__version__}",
        "clock": "seconds of the recording machine's LSL clock; /clock/wall of the session relates it to UTC",
    }


def _write_json(draft: Draft, name: str, value: Mapping[str, Any]) -> None:
    with draft.making(name) as path:
        path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", "utf-8")


def _write_readme(path: Path) -> None:
    path.write_text(files("labcapture.export").joinpath("casme3_readme.md").read_text("utf-8"), "utf-8")
