"""Faults of the disk: full in mid-session, and a stall of three seconds in which it takes nothing."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import h5py

from benchmarks.faults.account import account, expect_logged, expect_whole
from benchmarks.faults.cell import Row
from benchmarks.faults.rig import CellFailed, Place, expect, session
from benchmarks.faults.tries import Outcome, left_out, repeat
from labcapture.core.clock import lsl_time
from labcapture.engine.messages import Abort
from labcapture.recording.reserve import Reserve

_DISK_BYTES = 900_000_000  # the engine begins no session with less than 0.5 GB
_LEFT_BYTES = 40_000_000  # for the session, once somebody else has filled the disk; some seconds of pictures
_FULL_NOTE = "A tmpfs filled by another program; the alarm's time counts from the moment at which 16 MB were left."
_STALL_S = 3.0


def full(tries: int, seed: int) -> Row:
    """Let another program fill the disk in mid-clip; the operator aborts when the alarm comes."""
    cell = "disk full in mid-session"
    expected = "alarm while there is room to close; what was written is whole, the rest is a gap; verify passes"
    if why := _cannot_mount(("mount", "umount")):
        return left_out(cell, expected, why)

    def attempt(folder: Path, number: int) -> Outcome:
        with _mounted(("-t", "tmpfs", "-o", f"size={_DISK_BYTES}", "tmpfs")) as disk:
            place = Place(folder, number, out=disk / "out")
            with session(place) as watcher:
                watcher.clip(after_s=0.5)
                ballast = shutil.disk_usage(disk).free - _LEFT_BYTES
                with (disk / "ballast").open("wb") as file:
                    os.posix_fallocate(file.fileno(), 0, ballast)
                nearly_full = _NearlyFull(disk)
                nearly_full.start()
                watcher.until(lambda s: any(a.source == "recorder" for a in s.alarms), "the alarm")
                watcher.client.command(Abort(reason="the disk is full"))
                result = watcher.end()
            expect("the disk is full" in result.error, f"the result does not say so: {result.error!r}")
            where = Path(result.folder)
            expect_whole(where)
            expect_logged(where, "recorder")
            lost = account(where, place.truth())
            expect(lost.recorded > 60, f"only {lost.recorded} frames were recorded")
            expect(lost.untold == 0, f"{lost.untold} missing frames are in no gap table")
            with h5py.File(where / "session.h5") as file:
                expect(bool(file.attrs["closed"]), "session.h5 was not closed")
            return Outcome(
                f"{lost}", watcher.alarm_after(nearly_full.at, "recorder"), "tmpfs; alarm counted from 16 MB free."
            )

    return repeat(cell, expected, tries, seed, attempt)


def slow(tries: int, seed: int) -> Row:
    """Let the disk take nothing for three seconds in mid-clip: every write and sync waits."""
    cell = "disk stalls for 3 s"
    expected = "nothing is lost; snapshots go on, and say so; the session is completed; verify passes"
    if why := _cannot_mount(("mount", "umount", "mkfs.ext4", "fsfreeze")):
        return left_out(cell, expected, why)

    def attempt(folder: Path, number: int) -> Outcome:
        image = folder / "disk.img"
        with image.open("wb") as file:
            file.truncate(_DISK_BYTES)
        _call("mkfs.ext4", "-q", "-F", image)
        with _mounted(("-o", "loop", str(image))) as disk:
            place = Place(folder, number, out=disk / "out")
            with session(place) as watcher:
                watcher.clip()
                watcher.longest_silence_s = 0.0
                fault = lsl_time()
                with _frozen(disk):
                    result = watcher.end()
            expect(result.completed, f"the session was not completed: {result.error}")
            where = Path(result.folder)
            expect_whole(where)
            lost = account(where, place.truth())
            expect(lost.by_us == lost.before_us == lost.untold == 0, f"pictures: {lost}")
            expect(not any(result.lost_by_us.values()), f"lost by us: {result.lost_by_us}")
            silence = watcher.longest_silence_s
            expect(silence < 1.0, f"no snapshot for {silence:.1f} s")
            note = f"ext4 on a loop device, frozen by fsfreeze; longest time between snapshots {silence:.1f} s."
            return Outcome(str(lost), watcher.alarm_after(fault, "recorder", "disk"), note)

    return repeat(cell, expected, tries, seed, attempt)


class _NearlyFull(threading.Thread):
    """Watches a disk until it has less room than the recorder holds back."""

    def __init__(self, disk: Path) -> None:
        super().__init__(name="disk watch", daemon=True)
        self._disk = disk
        self.at = 0.0
        """LSL time at which it was so."""

    def run(self) -> None:
        """Look every few milliseconds."""
        while shutil.disk_usage(self._disk).free >= 2 * Reserve.BYTES:
            time.sleep(0.005)
        self.at = lsl_time()


def _cannot_mount(programs: Sequence[str]) -> str:
    """Return why a disk of our own cannot be mounted here; empty if it can."""
    if not sys.platform.startswith("linux"):
        return "a disk of its own is mounted on Linux only"
    if os.geteuid() != 0:
        return "only root may mount a disk of its own"
    return next((f"no {program}" for program in programs if shutil.which(program) is None), "")


def _call(program: str, *arguments: str | Path) -> None:
    """Run a system program."""
    done = subprocess.run(
        [shutil.which(program) or program, *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    if done.returncode:
        raise CellFailed(f"{program} failed: {done.stderr.strip()}")


@contextlib.contextmanager
def _mounted(how: Sequence[str]) -> Iterator[Path]:
    """Mount a disk of our own on a new folder."""
    place = Path(tempfile.mkdtemp(prefix="labcapture-disk-"))
    try:
        _call("mount", *how, place)
    except CellFailed:
        place.rmdir()
        raise
    try:
        yield place
    finally:
        _call("umount", "--lazy", place)
        place.rmdir()


@contextlib.contextmanager
def _frozen(disk: Path) -> Iterator[None]:
    """Freeze a file system now; it thaws after `_STALL_S` by itself, at the latest at the end of the block."""
    expect(disk.is_mount(), f"{disk} is no disk of our own")  # else the one that it lies on would be frozen
    _call("fsfreeze", "--freeze", disk)
    thaw = threading.Timer(_STALL_S, lambda: _call("fsfreeze", "--unfreeze", disk))
    thaw.start()
    try:
        yield
    finally:
        thaw.join()
