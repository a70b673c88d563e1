"""A session as one self-contained HDF5 file for handing over: its objects as they are, nothing encoded anew.

::

    session.h5 ────────────────> /                      all but the links to the pictures
    trials/<trial>.h5 ─────────> /trials/<trial>/       its streams as groups, chunks of pictures byte for byte
    log, summary, checksums ───> /packed/               texts
    every object and picture ──> /packed/digests
    draft file ── the same digests? ──> FILE.h5
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

import h5py

from labcapture.core.errors import RecordingError
from labcapture.recording import schema
from labcapture.recording.conformity import plainly
from labcapture.recording.folder import session_folder
from labcapture.recording.guard import DAMAGE, check_folder, opened
from labcapture.recording.hold import is_held
from labcapture.recording.journal import sync_file
from labcapture.recording.packed import DIGESTS, PACKED, Item, item, items
from labcapture.recording.store import restrict, set_values
from labcapture.recording.verify import verify

Progress = Callable[[str, int, int], None]
"""Told (what is being done, bytes done, bytes in all)."""

_BESIDE = (schema.LOG_FILE, schema.SUMMARY_FILE, schema.CHECKSUMS_FILE)
_LEAST_FREE_BYTES = 64 * 2**20


@dataclass(frozen=True, slots=True)
class Packed:
    """What was made: where it lies, its size, and how many pictures it holds, each compared with the session's."""

    path: str
    bytes: int
    pictures: int


def pack(path: str | os.PathLike[str], target: str | os.PathLike[str], progress: Progress | None = None) -> Packed:
    """Write a session into one file, and prove it.

    Parameters
    ----------
    path
        Folder of the session, or the ``session.h5`` in it. It is only read.
    target
        New file.
    progress
        Called now and then.

    Raises
    ------
    RecordingError
        There is no whole session at ``path``, or the file exists already, cannot be written, or is not the same.
    """
    source, final = session_folder(path).resolve(), Path(target).resolve()
    if final.is_relative_to(source):
        raise RecordingError("lies in the session itself", str(target), "Name another place for the file.")
    if final.exists():
        raise RecordingError("exists already; nothing was changed", str(final), "Name another file.")
    if final.suffix != ".h5":
        raise RecordingError("has no name that ends in .h5", str(final), "HDF5's readers know their files by it.")
    if final.name == schema.SESSION_FILE:
        raise RecordingError("would be taken for the file in a session's folder", str(target), "Name another file.")
    draft = final.with_name(f"{final.name}.draft")
    if draft.exists():
        mend = "If no other packing is running, remove it."
        raise RecordingError("is there from a packing that runs or was cut off", str(draft), mend)
    tell = progress or (lambda *_: None)
    total = _look(source, final)
    try:
        with h5py.File(draft, "x", libver=("v110", "v110")) as file:
            restrict(draft)
            _copy(source, file, tell, total)
        with draft.open("rb+") as raw:
            sync_file(raw.fileno())
        proof = verify(draft, lambda _, done, __: tell("proof", done, total))
        if proof.problems:
            raise RecordingError(f"its copy would not be whole: {proof.problems[0]}", str(source), "Check the disk.")
        if final.exists():
            raise RecordingError("appeared meanwhile; nothing was changed", str(final))
        draft.rename(final)
    except DAMAGE as error:  # a full disk is among them
        raise RecordingError(f"cannot be packed: {plainly(error)}", str(source)) from error
    finally:
        draft.unlink(missing_ok=True)  # there is none any more if all went well
    return Packed(str(final), final.stat().st_size, proof.checked["frames"])


def _look(source: Path, final: Path) -> int:
    """Refuse what cannot be packed; return how many bytes are to be written."""
    check_folder(source)
    if is_held(source):
        raise RecordingError("is being recorded just now", str(source), "Pack it once its recording has ended.")
    with opened(source, schema.SESSION_FILE) as h5:
        if h5.attrs.get("format") != schema.FORMAT:
            raise RecordingError("not a session of labcapture", str(source), "Is it the right file?")
        closed, version = bool(h5.attrs.get("closed", False)), int(h5.attrs.get("version", 0))
    if not closed or not (source / schema.CHECKSUMS_FILE).is_file():
        raise RecordingError("was not closed", str(source), f"Run: labcapture recover {source}")
    if version > schema.VERSION:
        raise RecordingError(f"is of format version {version}", str(source), "Update labcapture.")
    problems = verify(source).problems
    if problems:
        raise RecordingError(f"is not whole: {problems[0]}", str(source), f"Run: labcapture verify {source}")
    files = [source / schema.SESSION_FILE, *(source / schema.TRIALS_FOLDER).glob("*.h5")]
    total = sum(file.stat().st_size for file in files)
    try:
        final.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        free = shutil.disk_usage(final.parent).free
    except OSError as error:
        raise RecordingError(f"cannot be created ({error.strerror})", str(final), "Name another file.") from error
    if free < total + _LEAST_FREE_BYTES:
        what = f"needs {total / 1e6:.0f} MB, and {free / 1e6:.0f} MB are free"
        raise RecordingError(what, str(final.parent), "Free some space, or name another disk.")
    return total


def _copy(source: Path, file: h5py.File, tell: Progress, total: int) -> None:
    """Copy everything into ``file``, with the digests of what was to be copied."""
    done = 0
    digests: dict[str, str] = {}

    def note(things: Iterable[Item]) -> None:
        digests.update((thing.path, thing.digest()) for thing in things)

    def tick(_: str, __: int) -> None:
        """Tell nothing: what is digested is copied at the same time."""

    with opened(source, schema.SESSION_FILE) as h5:
        tell(schema.SESSION_FILE, done, total)
        _copy_attributes(h5, file)
        for name in h5:
            if name != "trials":
                h5.copy(name, file, name)
                note(items(h5[name], f"/{name}", tick))
        trials = file.create_group("trials")
        _copy_attributes(h5["trials"], trials)
        note([item(h5["trials"], trials.name)])
        done += (source / schema.SESSION_FILE).stat().st_size
        for trial, group in h5["trials"].items():
            here, name = trials.create_group(trial), schema.trial_path(trial)
            tell(name, done, total)
            _copy_attributes(group, here)
            note([item(group, here.name)])
            with opened(source, name) as pictures_file:
                for stream in pictures_file:
                    pictures_file.copy(stream, here, stream)
                    note(items(pictures_file[stream], f"{here.name}/{stream}", tick))
            done += (source / name).stat().st_size
    beside = file.create_group(PACKED)
    for name in _BESIDE:
        if (source / name).is_file():
            beside[name] = (source / name).read_text("utf-8", "replace").replace("\0", " ")
    set_values(
        file["/"],
        {
            "packed_from": hashlib.sha256((source / schema.CHECKSUMS_FILE).read_bytes()).hexdigest(),
            "packed_utc": datetime.now(UTC).isoformat(),
            "packed_by": f"labcapture {metadata.version('labcapture')}",
        },
    )
    note([item(file["/"], "/"), *items(beside, beside.name, tick)])
    file[DIGESTS] = "".join(f"{said}  {path}\n" for path, said in digests.items())


def _copy_attributes(source: h5py.Group, target: h5py.Group) -> None:
    for name in source.attrs:
        kind = source.attrs.get_id(name)
        target.attrs.create(name, source.attrs[name], shape=kind.shape, dtype=kind.dtype)
