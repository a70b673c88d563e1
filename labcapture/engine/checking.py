"""What must hold before a session may begin, checked before anything is written."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from labcapture import __version__
from labcapture.core.chunks import StreamSpec
from labcapture.core.config import parse_yaml, read_text
from labcapture.core.errors import BadInput
from labcapture.core.ids import check_id
from labcapture.devices.rig import Rig
from labcapture.engine.messages import Prepare
from labcapture.protocol.manifest import Manifest, find_films, find_manifest, load_manifest
from labcapture.protocol.model import Protocol
from labcapture.protocol.steps import Movie

_PACKAGES = ("pyrealsense2", "pylsl", "PyAudio", "psychopy", "h5py", "imagecodecs", "numpy")


@dataclass(frozen=True)
class Plan:
    """The checked files of a session, with their text as it will be stored."""

    rig: Rig
    rig_text: str
    protocol: Protocol
    protocol_text: str
    films: dict[str, Path]
    """Film of each clip that the protocol shows."""
    manifest: Manifest
    out: Path


def check(command: Prepare) -> Plan:
    """Read and check everything that a session needs from files.

    Raises
    ------
    BadInput
        An identifier, a file, a film or the output folder is not fit.
    """
    check_id(command.participant, "participant")
    check_id(command.session, "session")
    rig_text = read_text(Path(command.rig))
    rig = parse_yaml(rig_text, Rig, command.rig)
    protocol_text = read_text(Path(command.protocol))
    protocol = parse_yaml(protocol_text, Protocol, command.protocol)
    if not protocol.speaks(command.language):
        raise BadInput(f"has no texts in '{command.language}'", command.protocol, "Choose another --language.")
    stimuli = Path(command.stimuli) if command.stimuli else None
    listing = find_manifest(stimuli)
    manifest = load_manifest(listing)
    films = find_films(manifest, stimuli or listing.parent / "stimuli", protocol.clips)
    out = Path(command.out)
    check_out(out)
    return Plan(rig, rig_text, protocol, protocol_text, films, manifest, out)


def check_out(out: Path) -> None:
    """Check that sessions can be written below ``out``, which may not exist yet.

    Raises
    ------
    BadInput
        It is a file, cannot be written, or its disk is full.
    """
    if out.exists() and not out.is_dir():
        raise BadInput("is a file, not a folder", f"--out {out}", "Name a folder.")
    free = _free(out)
    if free < _LEAST_FREE_BYTES:
        raise BadInput(f"only {free / 1e9:.1f} GB free", f"--out {out}", "Free some space or name another disk.")


_LEAST_FREE_BYTES = 500_000_000  # with less nothing else on this machine works either
_COMPRESSED = 0.4  # of the raw size: what lossless JPEG XL leaves of a camera's pictures, noise and all, with a reserve


def check_room(plan: Plan, streams: Iterable[StreamSpec]) -> None:
    """Check that the disk holds all clips that are to be recorded.

    Raises
    ------
    BadInput
        It does not.
    """
    recorded = [step.clip for step in plan.protocol.steps if isinstance(step, Movie) and step.record]
    seconds = sum(plan.manifest.clip(clip).duration_s for clip in recorded)
    rate = sum(spec.element_bytes * spec.rate_hz for spec in streams if spec.kind == "frames") * _COMPRESSED
    needed, free = seconds * rate + _LEAST_FREE_BYTES, _free(plan.out)
    if free < needed:
        raise BadInput(
            f"{free / 1e9:.1f} GB free, and {seconds / 60:.1f} minutes of clips need about {needed / 1e9:.1f} GB",
            f"--out {plan.out}",
            "Free some space or name another disk.",
        )


def _free(out: Path) -> int:
    """Return the free bytes of the disk that ``out``, which may not exist yet, would be on."""
    standing = next(folder for folder in (out, *out.resolve().parents) if folder.exists())
    return shutil.disk_usage(standing).free


def software() -> dict[str, str]:
    """Return the versions that stand in every session."""
    versions = {"labcapture": __version__, "python": platform.python_version(), "system": platform.platform()}
    for package in _PACKAGES:
        versions[package] = metadata.version(package)
    return versions | {"byte_order": sys.byteorder}
