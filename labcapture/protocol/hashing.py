"""Fills in what only the film itself can tell: its SHA-256 and its length, into the manifest's text.

The text is edited where the values stand and nowhere else, so that a lab's comments, order and layout stay.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from labcapture.core.config import parse_yaml, read_text
from labcapture.core.errors import BadInput
from labcapture.protocol.films import Progress, read_facts
from labcapture.protocol.manifest import Clip, Manifest

_SAME_LENGTH_S = 0.0005  # lengths are written in milliseconds


@dataclass(frozen=True, slots=True)
class Known:
    """What is now known of a clip's file; ``duration_s`` is None for a picture."""

    sha256: str
    duration_s: float | None


State = Literal["filled", "same", "missing", "placeholder", "differs", "damaged"]


@dataclass(frozen=True, slots=True)
class Hashed:
    """What became of a clip.

    ``state`` is ``filled``; ``same`` where the manifest said so already; ``missing`` without a file; ``placeholder``
    where the file was only made to rehearse with; ``differs`` where the manifest has another SHA-256, which is kept;
    ``damaged`` where it cannot be read to its end.
    """

    clip: str
    path: Path
    state: State
    detail: str = ""


def hash_films(
    listing: Path,
    folder: Path,
    ids: Iterable[str] | None = None,
    replace: bool = False,
    progress: Progress | None = None,
) -> list[Hashed]:
    """Write SHA-256 and length of the films in ``folder`` into the manifest file ``listing``.

    Parameters
    ----------
    listing
        The manifest file. It is replaced in one move, and only if something changes.
    folder
        Where the films lie.
    ids
        The clips wanted; all of the manifest if None.
    replace
        Whether a SHA-256 that is there may give way to another one.
    progress
        Told how far each film has been read.

    Raises
    ------
    BadInput
        The manifest is wrong or cannot be written, or a clip is not in it.
    """
    text = read_text(listing)
    manifest = parse_yaml(text, Manifest, str(listing))
    clips = manifest.clips if ids is None else [manifest.clip(clip_id) for clip_id in ids]
    known: dict[str, Known] = {}
    results = [_hash(clip, folder / clip.file, replace, known, progress) for clip in clips]
    if known:
        _write(listing, fill_in(_exact_text(listing), known, str(listing)))
    return results


def _hash(clip: Clip, path: Path, replace: bool, known: dict[str, Known], progress: Progress | None) -> Hashed:
    if not path.is_file():
        return Hashed(clip.id, path, "missing")
    try:
        facts = read_facts(clip, path, progress)
    except BadInput as error:
        return Hashed(clip.id, path, "damaged", error.what)
    if facts.damage:
        return Hashed(clip.id, path, "damaged", "; ".join(facts.damage))
    now = Known(facts.sha256, None if facts.duration_s is None else round(facts.duration_s, 3))
    state: State
    if facts.placeholder:
        state = "placeholder"
    elif clip.sha256 not in {None, now.sha256} and not replace:
        state = "differs"
    elif _says(clip, now):
        state = "same"
    else:
        state, known[clip.id] = "filled", now
    return Hashed(clip.id, path, state)


def _says(clip: Clip, known: Known) -> bool:
    """Tell whether the manifest has these values already."""
    if clip.sha256 != known.sha256:
        return False
    if known.duration_s is None:
        return True
    return abs(known.duration_s - clip.duration_s) < _SAME_LENGTH_S and not clip.duration_is_placeholder


def fill_in(text: str, known: Mapping[str, Known], name: str) -> str:
    """Return the manifest ``text`` with the values of ``known`` (by clip id) in it; ``name`` stands for the file.

    Raises
    ------
    BadInput
        It is not a manifest, or is written in a way that cannot be edited without touching more than these values.
    """
    before = parse_yaml(text, Manifest, name)
    edits: list[tuple[int, int, str]] = []
    for node in _clip_nodes(YAML(typ="rt").compose(io.StringIO(text))):
        keys = {key.value: (key, value) for key, value in node.value}
        if (clip_id := keys["id"][1].value) in known:
            edits += _edits(text, node, keys, known[clip_id])
    for start, end, new in sorted(edits, reverse=True):
        text = text[:start] + new + text[end:]
    if _facts_of(parse_yaml(text, Manifest, name)) != [
        clip | (_change(known[clip["id"]]) if clip["id"] in known else {}) for clip in _facts_of(before)
    ]:
        raise BadInput("is written in a way that cannot be edited", name, "Write id, file, ... of each clip in full.")
    return text


def _facts_of(manifest: Manifest) -> list[dict[str, Any]]:
    return [clip.model_dump() for clip in manifest.clips]


def _change(known: Known) -> dict[str, Any]:
    if known.duration_s is None:
        return {"sha256": known.sha256}
    return {"sha256": known.sha256, "duration_s": known.duration_s, "duration_is_placeholder": False}


def _clip_nodes(root: Any) -> list[MappingNode]:  # noqa: ANN401 - ruamel's nodes
    for key, value in root.value:
        if key.value == "clips" and isinstance(value, SequenceNode):
            return [clip for clip in value.value if isinstance(clip, MappingNode)]
    return []


def _edits(
    text: str, clip: MappingNode, keys: Mapping[str, tuple[ScalarNode, Node]], known: Known
) -> list[tuple[int, int, str]]:
    edits = [_set(text, clip, keys, "sha256", known.sha256)]
    if known.duration_s is not None:
        length = f"{known.duration_s:.3f}".rstrip("0").rstrip(".")
        edits.append(_set(text, clip, keys, "duration_s", length))
        if "duration_is_placeholder" in keys:
            edits.append(_set(text, clip, keys, "duration_is_placeholder", "false"))
    return edits


def _set(
    text: str, clip: MappingNode, keys: Mapping[str, tuple[ScalarNode, Node]], key: str, value: str
) -> tuple[int, int, str]:
    """Return start, end and new text that give ``key`` its ``value``; a new key follows the file's name."""
    if key in keys:
        node = keys[key][1]
        return node.start_mark.index, node.end_mark.index, value
    name, file = keys["file"]
    if clip.flow_style:
        return file.end_mark.index, file.end_mark.index, f", {key}: {value}"
    end = text.find("\n", file.end_mark.index)
    end = len(text) if end < 0 else end
    if text[end - 1] == "\r":
        end -= 1
    newline = "\r\n" if "\r\n" in text else "\n"
    return end, end, f"{newline}{' ' * name.start_mark.column}{key}: {value}"


def _exact_text(path: Path) -> str:
    """Return the text of a file with the line ends as they are."""
    return path.read_bytes().decode("utf-8")


def _write(path: Path, text: str) -> None:
    target = path.resolve()  # a link stays one
    draft = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        with draft.open("xb") as file:
            file.write(text.encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())
        draft.chmod(target.stat().st_mode)
        draft.replace(target)
    except OSError as error:
        raise BadInput(
            f"cannot be written ({error.strerror or error})", str(path), "Check disk space and rights."
        ) from error
    finally:
        draft.unlink(missing_ok=True)
