"""The index of a corpus: its table as one Parquet file, kept beside the sessions and made anew from them at any time.

A session is read again when its stamp changed, all others are taken from the file: what it costs to bring the index up
to date grows with what changed, plus a few looks at the times of files for every session. The file is replaced whole,
so that a reader sees the old index or the new one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from labcapture.core.errors import BadInput
from labcapture.corpus.columns import COLUMNS, Type
from labcapture.corpus.rows import Row
from labcapture.reading.catalogue import folders, stamp

NAME = "labcapture-index.parquet"
_VERSION = b"1"
_KEY = b"labcapture.index"
_TYPES: dict[Type, Any] = {"text": pa.string(), "int": pa.int64(), "float": pa.float64(), "bool": pa.bool_()}
SCHEMA = pa.schema([(column.name, _TYPES[column.type]) for column in COLUMNS]).with_metadata({_KEY: _VERSION})

Read = Callable[[Sequence[Path]], Iterable[list[Row]]]
"""Reads sessions, and yields their rows as they come, some sessions at a time."""


@dataclass(frozen=True, slots=True)
class Refreshed:
    """What a refresh did: sessions that there are, that were read, and that are gone; why it was not kept."""

    sessions: int
    read: int
    gone: int
    not_kept: str = ""


class Index:
    """The index of the sessions below ``root``.

    Parameters
    ----------
    root
        Folder with sessions.
    file
        Where it is kept; `NAME` in ``root`` unless given.

    Raises
    ------
    BadInput
        There is no such folder, or ``file`` is something else.
    """

    def __init__(self, root: Path, file: Path | None = None) -> None:
        if not root.is_dir():
            raise BadInput("no such folder", str(root), "Name a folder with sessions.")
        self.root = root.resolve()
        self.file = (file or self.root / NAME).absolute()
        self.table = _load(self.file)

    def refresh(self, read: Read, *, anew: bool = False) -> Refreshed:
        """Bring it up to date with the folders.

        Parameters
        ----------
        read
            Reads the sessions that changed.
        anew
            Whether to read all of them.
        """
        had = {} if anew else self._stamps()
        kept: set[str] = set()
        changed: list[Path] = []
        for folder in folders(self.root):
            name = folder.relative_to(self.root).as_posix() or "."
            if had.get(name) and had[name] == stamp(folder):
                kept.add(name)
            else:
                changed.append(folder)
        gone = len(had.keys() - kept - {path.relative_to(self.root).as_posix() or "." for path in changed})
        if not (changed or gone or anew) and self.file.exists():
            return Refreshed(len(kept), 0, 0)
        batches = [pa.Table.from_pylist(rows, SCHEMA) for rows in read(changed)] if changed else []
        mask = pc.is_in(self.table["folder"], value_set=pa.array(sorted(kept), pa.string()))
        self.table = pa.concat_tables([self.table.filter(mask), *batches])
        self.table = self.table.take(pc.sort_indices(self.table, [("folder", "ascending"), ("start", "ascending")]))
        return Refreshed(len(kept) + len(changed), len(changed), gone, self._save())

    def _stamps(self) -> dict[str, str]:
        return dict(zip(self.table["folder"].to_pylist(), self.table["stamp"].to_pylist(), strict=True))

    def _save(self) -> str:
        """Replace the file; return why that could not be done."""
        draft = self.file.with_name(f"{self.file.name}.{os.getpid()}.draft")
        try:
            pq.write_table(self.table, draft, compression="zstd")
            draft.replace(self.file)
        except OSError as error:
            _discard(draft)
            return f"{self.file}: the index was not kept ({error.strerror or error}). Name a place with --index."
        return ""


def _discard(draft: Path) -> None:
    try:
        draft.unlink(missing_ok=True)
    except OSError:
        return  # what cannot be written cannot be removed either


def _load(file: Path) -> Any:  # noqa: ANN401 - pyarrow is untyped
    """Return the table in ``file``, an empty one if it is not there, damaged, or of another version."""
    if not file.exists():
        return SCHEMA.empty_table()
    try:
        table = pq.read_table(file, memory_map=False)
    except (OSError, pa.ArrowException):
        table = None
    known = table is not None and _KEY in (table.schema.metadata or {})
    if not known and file.name != NAME:
        raise BadInput("is no index of a corpus", str(file), "Name another file; it is made if it is not there.")
    same = known and table.schema.equals(SCHEMA, check_metadata=True)
    return table if same else SCHEMA.empty_table()


def batches(paths: Sequence[Path], size: int) -> Iterator[Sequence[Path]]:
    """Yield ``paths`` in pieces of at most ``size``."""
    for first in range(0, len(paths), size):
        yield paths[first : first + size]
