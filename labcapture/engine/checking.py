"""What must hold before a session may begin, checked before anything is written."""

from __future__ import annotations

import math
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
from labcapture.engine.history import History, read_history
from labcapture.engine.messages import Prepare
from labcapture.engine.resuming import Resumed, read_resumed
from labcapture.protocol.fill import Value
from labcapture.protocol.films import film_seconds
from labcapture.protocol.manifest import Manifest, find_films, find_manifest, load_manifest
from labcapture.protocol.model import Protocol
from labcapture.protocol.plan import Plan as ProtocolPlan
from labcapture.protocol.plan import expected_lengths, make_plan
from labcapture.protocol.steps import Assign

_PACKAGES = ("pyrealsense2", "pylsl", "PyAudio", "psychopy", "h5py", "imagecodecs", "pillow-jxl-plugin", "av", "numpy")


@dataclass(frozen=True)
class Plan:
    """The checked files of a session, with their text as it will be stored."""

    rig: Rig
    rig_text: str
    protocol: Protocol
    protocol_text: str
    films: dict[str, Path]
    """File of each film and picture that the protocol shows."""
    manifest: Manifest
    out: Path
    order: ProtocolPlan
    """The steps of this session."""
    lengths: dict[str, float]
    """Length of each film (s): its file's own."""
    history: History
    variables: dict[str, Value]
    """Given for this session."""
    resumed: Resumed | None = None

    @property
    def assignable(self) -> set[str]:
        """Variables that the protocol assigns."""
        return {planned.step.variable for planned in self.order.steps if isinstance(planned.step, Assign)}


def check(command: Prepare) -> Plan:
    """Read and check everything that a session needs from files.

    Raises
    ------
    BadInput
        An identifier, a file, a film or the output folder is not fit.
    """
    check_id(command.participant, "participant")
    check_id(command.session, "session")
    if command.experimenter:
        check_id(command.experimenter, "experimenter")
    rig_text = read_text(Path(command.rig))
    rig = parse_yaml(rig_text, Rig, command.rig)
    protocol_text = read_text(Path(command.protocol))
    protocol = parse_yaml(protocol_text, Protocol, command.protocol)
    if not protocol.speaks(command.language):
        raise BadInput(f"has no texts in '{command.language}'", command.protocol, "Choose another --language.")
    stimuli = Path(command.stimuli) if command.stimuli else None
    listing = find_manifest(stimuli)
    manifest = load_manifest(listing)
    films = find_films(manifest, stimuli or listing.parent / "stimuli", (*protocol.clips, *protocol.images))
    lengths = {clip: film_seconds(films[clip]) for clip in protocol.clips}
    out = Path(command.out)
    check_out(out)
    history = read_history(out, protocol.name, rehearsal=rig.is_simulated or command.autopilot is not None)
    variables = _variables(command, protocol)
    seed, place = command.seed if command.seed is not None else command.autopilot or 0, history.place
    resumed = None
    if command.resume is not None:
        resumed = read_resumed(Path(command.resume), protocol, protocol_text, command.participant)
        seed, place, variables = resumed.seed, resumed.place, {**resumed.variables, **variables}
    emotions = {clip.id: clip.emotion for clip in manifest.clips}
    order = make_plan(protocol, participant=command.participant, seed=seed, place=place, emotions=emotions)
    return Plan(
        rig, rig_text, protocol, protocol_text, films, manifest, out, order, lengths, history, variables, resumed
    )


def _variables(command: Prepare, protocol: Protocol) -> dict[str, Value]:
    """Return the variables of the command as the protocol has them.

    Raises
    ------
    BadInput
        The protocol has no such variable, or the value is none for it.
    """
    assigned = {i.step.variable: i.step.values for i in protocol.instances if isinstance(i.step, Assign)}
    values: dict[str, Value] = {}
    for name, text in command.variables.items():
        where = f"--set {name}={text}"
        if name not in assigned and name not in protocol.known_variables:
            known = ", ".join(sorted({*assigned, *protocol.known_variables})) or "none"
            raise BadInput(f"the protocol has no variable '{name}'", where, f"It has: {known}.")
        if name in assigned and text not in assigned[name]:
            raise BadInput(f"'{text}' is no value of '{name}'", where, f"Choose one of: {', '.join(assigned[name])}.")
        values[name] = _like(protocol.variables.get(name, 0.0 if name not in assigned else ""), text, where)
    return values


def _like(example: Value, text: str, where: str) -> Value:
    """Return ``text`` as a value of the type that ``example`` has."""
    if isinstance(example, str):
        return text
    if isinstance(example, bool):
        if text.lower() not in {"true", "false"}:
            raise BadInput(f"'{text}' is neither true nor false", where)
        return text.lower() == "true"
    try:
        number = float(text)
    except ValueError:
        raise BadInput(f"'{text}' is no number", where) from None
    if not math.isfinite(number):
        raise BadInput(f"'{text}' is no number", where)
    return int(number) if isinstance(example, int) and number.is_integer() else number


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
    lengths = expected_lengths(plan.order, plan.lengths)
    seconds = sum(s for p, s in zip(plan.order.steps, lengths, strict=True) if p.recording is not None)
    rate = sum(spec.element_bytes * spec.rate_hz for spec in streams if spec.kind == "frames") * _COMPRESSED
    needed, free = seconds * rate + _LEAST_FREE_BYTES, _free(plan.out)
    if free < needed:
        raise BadInput(
            f"{free / 1e9:.1f} GB free, and {seconds / 60:.1f} minutes of pictures need about {needed / 1e9:.1f} GB",
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
