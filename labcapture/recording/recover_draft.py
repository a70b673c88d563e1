"""Where a session is made anew, beside what the crash left, until all of it can take its place at once.

::

    <session>/.recovering/          the new files, under the names that they will have
    <session>/.recovering/ready     they are whole: from here on the move is only ever finished, never begun anew
    <session>/crashed/              the files that were replaced, byte for byte as the crash left them

Every step of the move is a rename and can be done again, so that an interrupted one is finished by the next call.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from labcapture.core.errors import RecordingError
from labcapture.recording.folder import create_file, read_whole, write_digests
from labcapture.recording.reserve import Reserve
from labcapture.recording.schema import CHECKSUMS_FILE, HOLD_FILE, JOURNAL_FOLDER, TRIALS_FOLDER

FOLDER = ".recovering"
ORIGINALS = "crashed"
READY = "ready"
_ASIDE = re.compile(rf"{ORIGINALS}(_[0-9]+)?")
_NO_DATA = {HOLD_FILE, Reserve.NAME}


class Draft:
    """The new files of a session in ``folder``."""

    def __init__(self, folder: Path) -> None:
        self._session = folder
        self.path = folder / FOLDER

    @property
    def is_ready(self) -> bool:
        """Whether an earlier recovery was interrupted in its move."""
        return (self.path / READY).is_file()

    def begin(self) -> None:
        """Start with an empty folder."""
        self.discard()
        for part in ("", TRIALS_FOLDER, JOURNAL_FOLDER, f"{JOURNAL_FOLDER}/{TRIALS_FOLDER}"):
            (self.path / part).mkdir(mode=0o750)

    def discard(self) -> None:
        """Remove what was made."""
        if self.path.is_dir():
            shutil.rmtree(self.path)

    def seal(self, aside: Iterable[str]) -> str:
        """Write the checksums and declare the draft whole; return the folder that will hold the originals.

        Parameters
        ----------
        aside
            Files that move to the originals although no new one takes their place.
        """
        made = {name: self.path / name for name in _files(self.path)}
        there = {name: self._session / name for name in _files(self._session) if name not in _NO_DATA}
        replaced = sorted(name for name in there if name in {*made, *aside, CHECKSUMS_FILE})
        originals, count = ORIGINALS, 1
        while (self._session / originals).exists():
            count += 1
            originals = f"{ORIGINALS}_{count}"
        moved = {f"{originals}/{name}": there.pop(name) for name in replaced}
        whole = there | moved | made
        write_digests(
            self.path, {name: path for name, path in whole.items() if not name.startswith(f"{TRIALS_FOLDER}/")}
        )
        create_file(self.path / READY, json.dumps({"originals": originals, "replaced": replaced}))
        _sync_folders(self.path)
        return originals

    def move(self) -> str:
        """Let the new files take the place of the old ones; return the folder that holds these."""
        aside, replaced = self._plan()
        originals = self._session / aside
        for name in replaced:
            old, kept = self._session / name, originals / name
            if old.exists() and not kept.exists():
                kept.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
                old.rename(kept)
        _sync_folders(originals)
        for name in _files(self.path):
            if name != READY and not (self._session / name).exists():
                (self._session / name).parent.mkdir(mode=0o750, parents=True, exist_ok=True)
                (self.path / name).rename(self._session / name)
        (self._session / Reserve.NAME).unlink(missing_ok=True)
        _sync_folders(self._session)
        (self.path / READY).unlink()
        self.discard()
        return aside

    def _plan(self) -> tuple[str, list[str]]:
        """Return the folder of the originals, and the files that go there; nothing may lead out of the session."""
        try:
            plan = json.loads(read_whole(self.path / READY))
            aside, replaced = str(plan["originals"]), [str(name) for name in plan["replaced"]]
            places = [PurePosixPath(name) for name in replaced]
            is_ours = all(".." not in place.parts and not place.is_absolute() for place in places)
            if _ASIDE.fullmatch(aside) and is_ours and not any("\\" in name or ":" in name for name in replaced):
                return aside, replaced
        except (ValueError, KeyError, TypeError):
            pass  # not what `seal` writes
        what = "an interrupted recovery cannot be finished: its plan is damaged"
        raise RecordingError(what, str(self.path / READY), f"Move the files back from {ORIGINALS} by hand.")


def _files(folder: Path) -> list[str]:
    """Return all files below ``folder`` relative to it, those of a draft left out."""
    names = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*")) if path.is_file()]
    return [name for name in names if not name.startswith(f"{FOLDER}/")]


def _sync_folders(top: Path) -> None:
    """Have the disk itself hold the names below ``top``, where a system lets folders be synchronised."""
    for folder in (top, *(path for path in top.rglob("*") if path.is_dir())) if top.is_dir() else ():
        with contextlib.suppress(OSError):  # Windows has no such thing, and needs none
            file = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(file)
            finally:
                os.close(file)
