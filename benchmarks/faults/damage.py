"""Flipped bytes in a finished session: `verify` finds each that changes anything, and names the frame."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import h5py
import numpy as np

from benchmarks.faults.account import expect_whole
from benchmarks.faults.cell import Row
from benchmarks.faults.rig import Place, session
from labcapture.recording.journal import ChunkRecord, JournalReader
from labcapture.recording.schema import journal_path, trial_path
from labcapture.recording.verify import verify

_TRIAL = "01_a"


def flipped(tries: int, seed: int) -> list[Row]:
    """Record one session; flip bytes in its pictures, then anywhere in its files, one at a time."""
    with tempfile.TemporaryDirectory(prefix="labcapture-fault-") as place:
        folder = Path(place)
        with session(Place(folder, seed)) as watcher:
            whole = Path(watcher.end().folder)
        expect_whole(whole)
        rng = np.random.default_rng(seed)
        return [_pictures(whole, folder / "damaged", tries, rng), _anywhere(whole, folder / "damaged", tries, rng)]


def _pictures(whole: Path, damaged: Path, tries: int, rng: np.random.Generator) -> Row:
    """Flip a byte of a picture; the problem must name file, stream and frame."""
    name = trial_path(_TRIAL)
    chunks = list(JournalReader(whole / journal_path(_TRIAL)).chunks())
    failures = []
    for _ in range(tries):
        chunk: ChunkRecord = chunks[int(rng.integers(len(chunks)))]
        place = chunk.offset + int(rng.integers(chunk.size))
        problems = _verified(whole, damaged, name, place)
        named = [p for p in problems if p.startswith(f"{name}: {chunk.dataset} frame {chunk.index} ")]
        if not named or len(problems) > 1:
            failures.append(f"byte {place} of {name} (frame {chunk.index}): {problems[:2] or 'not found'}")
    expected = "verify finds each, and names the file, the stream and the one frame"
    return _row("flipped byte in a picture", expected, tries, failures, "one picture each, and told which")


def _anywhere(whole: Path, damaged: Path, tries: int, rng: np.random.Generator) -> Row:
    """Flip a byte anywhere; it must be found unless nothing that can be read has changed."""
    files = [path.relative_to(whole).as_posix() for path in sorted(whole.rglob("*")) if path.is_file()]
    truth = {name: _content(whole / name) for name in files}
    failures, harmless = [], 0
    for number in range(tries):
        name = files[number % len(files)]
        place = int(rng.integers((whole / name).stat().st_size))
        if _verified(whole, damaged, name, place):
            continue
        if _content(damaged / name) == truth[name]:
            harmless += 1
        else:
            failures.append(f"byte {place} of {name}: what it holds has changed, and verify found nothing")
    expected = "verify finds each that changes anything that can be read"
    note = f"{harmless} fell on bytes of HDF5 that hold nothing, and changed nothing. {len(files)} files in turn."
    return _row("flipped byte anywhere in a session", expected, tries, failures, "what the byte held", note)


def _row(cell: str, expected: str, tries: int, failures: list[str], lost: str, note: str = "") -> Row:
    return Row(cell, tries, tries - len(failures), expected, lost, " ".join([note, *failures[:5]]).strip())


def _verified(whole: Path, damaged: Path, name: str, place: int) -> list[str]:
    """Flip byte ``place`` of a file in a copy of the session; return what `verify` finds."""
    shutil.rmtree(damaged, ignore_errors=True)
    shutil.copytree(whole, damaged, copy_function=os.link)
    victim = damaged / name
    victim.unlink()
    shutil.copyfile(whole / name, victim)
    with victim.open("r+b") as file:
        file.seek(place)
        byte = file.read(1)[0]
        file.seek(place)
        file.write(bytes([byte ^ 0xFF]))
    return verify(damaged).problems


def _content(path: Path) -> str:
    """Return a digest of all that can be read from a file; of the error if it cannot be."""
    digest = hashlib.sha256()
    if path.suffix != ".h5":
        digest.update(path.read_bytes())
        return digest.hexdigest()
    try:
        with h5py.File(path) as file:
            for part in _parts(file):
                digest.update(part)
    except (OSError, RuntimeError, KeyError, ValueError) as error:
        return re.sub(r"\s+", " ", str(error))
    return digest.hexdigest()


def _parts(file: h5py.File) -> Iterator[bytes]:
    """Yield names, attributes and data of an HDF5 file; pictures as they are stored."""
    names: list[str] = []
    file.visit(names.append)
    for name in ["/", *names]:
        thing = file[name]
        yield name.encode()
        for key in sorted(thing.attrs):
            yield f"{key}={thing.attrs[key]!r}".encode()
        if isinstance(thing, h5py.Dataset):
            yield f"{thing.shape} {thing.dtype}".encode()
            if name.endswith("/frames"):
                for index in range(len(thing)):
                    mask, stored = thing.id.read_direct_chunk((index, *[0] * (thing.ndim - 1)))
                    yield bytes([mask & 255]) + stored
            else:
                value = np.asarray(thing[()])
                yield repr(value.tolist()).encode() if value.dtype.hasobject else value.tobytes()
