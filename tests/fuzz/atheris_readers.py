"""Coverage-guided fuzzing of everything that reads what others wrote, by hand and for as long as one likes.

::

    pip install atheris            # not on Windows
    python -m tests.fuzz.atheris_readers yaml -max_total_time=60
    python -m tests.fuzz.atheris_readers journal -max_total_time=60
    python -m tests.fuzz.atheris_readers session -max_total_time=60
    python -m tests.fuzz.atheris_readers message -max_total_time=60
    python -m tests.fuzz.atheris_readers recover -max_total_time=60
    python -m tests.fuzz.atheris_readers transcode -max_total_time=60

What follows the target goes to libFuzzer; a folder there keeps the corpus. Anything but a `LabcaptureError` (or, of a
message, a ``ValidationError``) is a crash, whose input libFuzzer writes to the working directory.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path

import atheris  # type: ignore[import-untyped,import-not-found,unused-ignore]  # optional, and without types

with atheris.instrument_imports(include=["labcapture", "ruamel"]):
    from pydantic import BaseModel, ValidationError

    import labcapture.reading
    from labcapture.core.config import parse_yaml
    from labcapture.core.errors import LabcaptureError
    from labcapture.devices.rig import Rig
    from labcapture.engine.messages import command_adapter
    from labcapture.protocol.manifest import Manifest
    from labcapture.protocol.model import Protocol
    from labcapture.reading.report import render, report
    from labcapture.recording.folder import write_checksums
    from labcapture.recording.recover import recover
    from labcapture.recording.transcode import transcode
    from labcapture.recording.verify import verify
    from labcapture.stage.messages import from_stage, to_stage
from tests.reading.recorded_world import record

MODELS: tuple[type[BaseModel], ...] = (Rig, Protocol, Manifest)


def yaml(data: bytes) -> None:
    """Read bytes as a rig, a protocol or a manifest."""
    model = MODELS[data[0] % 3] if data else Rig
    with contextlib.suppress(LabcaptureError):
        parse_yaml(data[1:].decode("utf-8", "replace"), model, "fuzz.yaml")


def message(data: bytes) -> None:
    """Read bytes as a command, or as a message from or to the stage."""
    for adapter in (command_adapter, from_stage, to_stage):
        with contextlib.suppress(ValidationError):
            adapter.validate_json(data)


def scattered(whole: bytes, data: bytes) -> bytes:
    """Return ``whole`` with bytes of ``data`` in it: four say where, the next four what, and so on."""
    changed = bytearray(whole)
    for start in range(0, len(data) - 7, 8):
        at = int.from_bytes(data[start : start + 4], "little") % len(whole)
        changed[at : at + 4] = data[start + 4 : start + 8]
    return bytes(changed[: len(whole)])


def journal(folder: Path) -> Callable[[bytes], None]:
    """Return a target that adds lines, their checksums mended, to the journal of a real session."""
    path = folder / "journal/session.jsonl"
    whole = path.read_bytes()

    def target(data: bytes) -> None:
        lines = (b'%b,"crc":"%08x"}\n' % (line, zlib.crc32(line)) for line in data.split(b"\n"))
        path.write_bytes(whole + b"".join(lines))
        verify(folder)

    return target


def session(folder: Path) -> Callable[[bytes], None]:
    """Return a target that overwrites bytes of a real session.h5: four say where, the rest what."""
    path = folder / "session.h5"
    whole = path.read_bytes()

    def target(data: bytes) -> None:
        path.write_bytes(scattered(whole, data))
        with contextlib.suppress(LabcaptureError), labcapture.reading.open(folder) as opened:
            render(report(opened))
        verify(folder)

    return target


def rewriting(folder: Path) -> Path:
    """Return a copy of a session, made anew from links to the files of the first."""
    copy = folder.parent / "copy" / folder.name
    shutil.rmtree(copy.parent, ignore_errors=True)
    shutil.copytree(folder, copy, copy_function=os.link)
    return copy


def replace(path: Path, data: bytes) -> None:
    """Write a file anew, so that its other names keep what they have."""
    path.unlink(missing_ok=True)
    path.write_bytes(data)


def recovery(folder: Path) -> Callable[[bytes], None]:
    """Return a target that recovers: the first byte says from what, the others change it.

    0: the session's journal has further lines; 1: that of a trial; 2: bytes of session.h5 differ, and there is no
    journal; 3: likewise of a trial.
    """
    names = ("journal/session.jsonl", "journal/trials/03_e.jsonl", "session.h5", "trials/03_e.h5")
    whole = {name: (folder / name).read_bytes() for name in names}
    for name in ("checksums", "summary.json"):
        (folder / name).unlink()

    def target(data: bytes) -> None:
        which = data[0] % 4 if data else 0
        copy = rewriting(folder)
        name = names[which]
        if which < 2:
            lines = (b'%b,"crc":"%08x"}\n' % (line, zlib.crc32(line)) for line in data[1:].split(b"\n"))
            kept = whole[name].splitlines(keepends=True)[:-1]
            replace(copy / name, b"".join([*kept, *lines]))
        else:
            (copy / names[which - 2]).unlink()
            replace(copy / name, scattered(whole[name], data[1:]))
        with contextlib.suppress(LabcaptureError):
            recover(copy)

    return target


def transcoding(folder: Path) -> Callable[[bytes], None]:
    """Return a target that transcodes a session: the first byte says which file has other bytes."""
    names = ("session.h5", "trials/03_e.h5", "journal/session.jsonl", "journal/trials/03_e.jsonl")
    whole = {name: (folder / name).read_bytes() for name in names}

    def target(data: bytes) -> None:
        name = names[data[0] % 4 if data else 0]
        copy = rewriting(folder)
        replace(copy / name, scattered(whole[name], data[1:]))
        if name != "trials/03_e.h5":  # whoever means ill makes the checksums fit
            (copy / "checksums").unlink()
            write_checksums(copy)
        out = folder.parent / "out"
        with contextlib.suppress(LabcaptureError):
            transcode(copy, "jxl", out, workers=1)
        shutil.rmtree(out, ignore_errors=True)

    return target


def main() -> None:
    """Fuzz the target named first on the command line until libFuzzer is told to stop."""
    name = sys.argv.pop(1) if len(sys.argv) > 1 else ""
    made = {"yaml": yaml, "message": message}
    on_disk = {"journal": journal, "session": session, "recover": recovery, "transcode": transcoding}
    if name not in made.keys() | on_disk.keys():
        sys.exit(__doc__)
    place = Path(tempfile.mkdtemp(prefix="labcapture-fuzz-"))
    try:
        target: Callable[[bytes], None] = made[name] if name in made else on_disk[name](record(place))
        atheris.Setup(sys.argv, target)
        atheris.Fuzz()
    finally:
        shutil.rmtree(place, ignore_errors=True)


if __name__ == "__main__":
    main()
