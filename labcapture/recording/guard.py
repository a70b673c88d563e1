"""Whether it is safe to read a session's folder, or an HDF5 file, at all: asked before anything in it is read.

HDF5 lets a file point at others (external links, external and virtual storage), contain itself (hard links in a
circle), and declare sizes that nothing is stored for. A session needs none of these but the links from a trial to its
own file. What is refused here is refused whole, as a `RecordingError`; what is merely wrong is told by verification.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import h5py

from labcapture.core.errors import LabcaptureError, RecordingError
from labcapture.recording.codecs import FILTERS
from labcapture.recording.schema import SESSION_FILE, check_trial, trial_path

MAX_FILES = 20_000  # of a folder; a long session has some hundreds
MAX_OBJECTS = 20_000  # groups, datasets and links of a file; a long session has some hundreds
MAX_CHUNK_BYTES = 1 << 28
MAX_TEXT_ROWS = 100_000  # of tables with texts of any length
MAX_DEPTH = 16
_SLACK_BYTES = 1 << 26
_COMPRESSED = 50  # tables do not shrink more than this; pictures are read one by one
_HARMLESS = {h5py.h5z.FILTER_SHUFFLE, h5py.h5z.FILTER_FLETCHER32}
_KNOWN = _HARMLESS | {h5py.h5z.FILTER_DEFLATE, 32026, *FILTERS}  # 32026: Blosc2
_SIMPLE = {h5py.h5t.INTEGER, h5py.h5t.FLOAT, h5py.h5t.STRING, h5py.h5t.ENUM}

DAMAGE = (
    *(OSError, KeyError, IndexError, ValueError, TypeError, AttributeError, RuntimeError),  # RecursionError is one
    *(ArithmeticError, AssertionError, MemoryError, NotImplementedError, LookupError),
)
"""What h5py, numpy and json raise on a file that is not what it seems."""


def _picture(chunk: tuple[int, ...], item: int) -> tuple[int, ...]:
    """Return what the filter of pictures must be told: HDF5 trusts it with the size of what it returns."""
    channels = chunk[3] if len(chunk) == 4 else 1
    return (1, *chunk[1:3], channels, item) if chunk[0] == 1 else ()


@contextmanager
def reading(where: Path) -> Iterator[None]:
    """Turn whatever a damaged file makes the libraries raise into one line about ``where``."""
    try:
        yield
    except LabcaptureError:
        raise
    except DAMAGE as error:
        what = f"is damaged ({type(error).__name__}: {str(error)[:200]})"
        raise RecordingError(what, str(where), "Run: labcapture verify.") from error


def check_inside(folder: Path, path: Path) -> None:
    """Refuse a file of a session that is a link to a place outside of the session's ``folder``.

    Raises
    ------
    RecordingError
        It is.
    """
    with reading(path):
        if not path.resolve().is_relative_to(folder.resolve()):
            raise RecordingError("leads out of the session's folder", str(path), "Put the file itself there.")


def check_folder(folder: Path) -> None:
    """Refuse a session's folder that leads elsewhere, or holds what is neither a file nor a folder.

    Asked by what writes into the folder, or copies it: a link there would take the writing out of it.

    Raises
    ------
    RecordingError
        It does, or has more than `MAX_FILES` of both.
    """
    waiting, count = [folder], 0
    with reading(folder):
        while waiting:
            with os.scandir(waiting.pop()) as entries:
                for entry in entries:
                    count += 1
                    if count > MAX_FILES:
                        what = f"has more than {MAX_FILES} files"
                        raise RecordingError(what, str(folder), "Is it the folder of one session?")
                    is_folder = entry.is_dir(follow_symlinks=False)
                    if entry.is_symlink() or not (is_folder or entry.is_file(follow_symlinks=False)):
                        what = "is neither a file nor a folder"
                        raise RecordingError(what, entry.path, "A session has nothing else.")
                    if is_folder:
                        check_inside(folder, Path(entry.path))  # Windows has further ways to lead elsewhere
                        waiting.append(Path(entry.path))


@contextmanager
def opened(folder: Path, name: str) -> Iterator[h5py.File]:
    """Open the HDF5 file ``name`` of the session in ``folder`` for reading, once it has passed `check_file`.

    Raises
    ------
    RecordingError
        It is missing, damaged, or not safe to read.
    """
    path = folder / name
    check_inside(folder, path)
    with ExitStack() as stack:
        with reading(path):
            file = stack.enter_context(h5py.File(path, "r"))
        check_file(file, str(path), folder if name == SESSION_FILE else None)
        yield file


def damaged_parts(file: h5py.File, name: str, folder: Path | None = None) -> frozenset[str]:
    """Refuse what `check_file` refuses, but not what is only damaged: return its paths, below which nothing is safe.

    Raises
    ------
    RecordingError
        As `check_file`; or the root itself is damaged.
    """
    with reading(Path(name)):
        inspection = _Inspection(file, name, folder, is_tolerant=True)
        inspection.walk(file["/"].id, "", 0)
    return frozenset(inspection.damaged)


def check_file(file: h5py.File, name: str, folder: Path | None = None) -> None:
    """Refuse an HDF5 file that is not safe to read. ``name`` stands for it in errors.

    Its links are taken as relative to ``folder``; without one there may be none.

    Raises
    ------
    RecordingError
        It points outside, contains itself, declares more than it holds, or has types that no session has.
    """
    with reading(Path(name)):
        _Inspection(file, name, folder).walk(file["/"].id, "", 0)


class _Inspection:
    """One look at a file. Works below h5py's objects, which follow links by themselves."""

    def __init__(self, file: h5py.File, name: str, folder: Path | None, *, is_tolerant: bool = False) -> None:
        self.damaged: set[str] = set()
        """Paths of what cannot even be looked at; without tolerance the first one is raised."""
        self._is_tolerant = is_tolerant
        self._name = name
        self._folder = folder
        self._size = file.id.get_filesize()
        self._seen: set[int] = {h5py.h5o.get_info(file["/"].id).addr}
        self._objects = 0
        self._bytes = 0
        self._text_rows = 0

    def walk(self, group: h5py.h5g.GroupID, path: str, depth: int) -> None:
        """Check everything below a group."""
        if depth > MAX_DEPTH:
            raise self._refuse(path, "is nested too deep")
        self._attributes(group, path)
        for key in group:
            here = f"{path}/{key.decode('utf-8', 'replace')}"
            self._objects += 1
            if self._objects > MAX_OBJECTS:
                raise self._refuse(path, f"has more than {MAX_OBJECTS} members")
            try:
                self._member(group, key, here, depth)
            except DAMAGE:
                if not self._is_tolerant:
                    raise
                self.damaged.add(here)

    def _member(self, group: h5py.h5g.GroupID, key: bytes, path: str, depth: int) -> None:
        kind = group.links.get_info(key).type
        if kind == h5py.h5l.TYPE_EXTERNAL:
            self._external(group, key, path)
        elif kind != h5py.h5l.TYPE_HARD:
            raise self._refuse(path, "is a link, where a session has none")
        else:
            self._object(h5py.h5o.open(group, key), path, depth)

    def _external(self, group: h5py.h5g.GroupID, key: bytes, path: str) -> None:
        """Let pass only what leads from a trial to its own file."""
        parts = path.split("/")
        filename, target = group.links.get_val(key)
        said = (filename.decode("utf-8", "replace"), target.decode("utf-8", "replace"))
        if self._folder is None or len(parts) != 4 or parts[1] != "trials":
            raise self._refuse(path, f"leads to {said[0]}, where a session has no link")
        check_trial(parts[2])
        if said != (trial_path(parts[2]), f"/{parts[3]}"):
            raise self._refuse(path, f"leads to {said[0]}:{said[1]}, not to {trial_path(parts[2])}:/{parts[3]}")
        there = self._folder / said[0]
        check_inside(self._folder, there)
        if there.exists() and not there.is_file():  # a pipe: opening it would never end
            raise self._refuse(path, f"leads to {said[0]}, which is no file")

    def _object(self, thing: Any, path: str, depth: int) -> None:  # noqa: ANN401 - h5py is untyped
        address = h5py.h5o.get_info(thing).addr
        if address in self._seen:
            raise self._refuse(path, "is the same object as another one")
        self._seen.add(address)
        if isinstance(thing, h5py.h5g.GroupID):
            self.walk(thing, path, depth + 1)
        elif isinstance(thing, h5py.h5d.DatasetID):
            self._attributes(thing, path)
            self._dataset(thing, path)
        else:
            raise self._refuse(path, "is neither a group nor a dataset")

    def _dataset(self, dataset: h5py.h5d.DatasetID, path: str) -> None:
        made = dataset.get_create_plist()
        layout = made.get_layout()
        if layout == h5py.h5d.VIRTUAL or made.get_external_count():
            raise self._refuse(path, "has its data in other files")
        has_text = self._type(dataset.get_type(), path)
        shape = dataset.get_space().get_simple_extent_dims() or ()
        item = dataset.get_type().get_size()
        if layout == h5py.h5d.CHUNKED:
            chunk = made.get_chunk()
            if math.prod(chunk) * item > MAX_CHUNK_BYTES:
                raise self._refuse(path, f"has pieces of more than {MAX_CHUNK_BYTES >> 20} MB")
            if math.prod(-(-n // c) for n, c in zip(shape, chunk, strict=True)) > self._size:
                raise self._refuse(path, f"declares a shape of {shape}, which the file cannot hold")
        filters = [made.get_filter(i) for i in range(made.get_nfilters())]
        numbers = {number for number, *_ in filters}
        if not numbers <= _KNOWN:
            raise self._refuse(path, f"has a filter that no session has ({sorted(numbers - _KNOWN)})")
        for number, _, values, _ in filters:
            if number in FILTERS and tuple(values) != _picture(made.get_chunk(), item):
                raise self._refuse(path, "has pictures of another size than it says")
        if not path.endswith("/frames"):
            shrunk = 0 if numbers <= _HARMLESS else _COMPRESSED * dataset.get_storage_size()
            self._bytes += max(0, math.prod(shape) * item - shrunk)
            if self._bytes > 2 * self._size + _SLACK_BYTES:
                raise self._refuse(path, f"declares a shape of {shape}, which the file cannot hold")
            if has_text:
                self._texts(dataset, path, math.prod(shape))

    def _type(self, dtype: h5py.h5t.TypeID, path: str) -> bool:
        """Refuse a type that no session has; return whether it has texts of any length."""
        kind = dtype.get_class()
        if kind == h5py.h5t.COMPOUND:
            columns = [dtype.get_member_type(i) for i in range(dtype.get_nmembers())]
            if any(column.get_class() == h5py.h5t.COMPOUND for column in columns):
                raise self._refuse(path, "has a type that no session has")
            return any([self._type(column, path) for column in columns])  # noqa: C419 - each of them is to be checked
        if kind not in _SIMPLE or dtype.get_size() > MAX_CHUNK_BYTES:
            raise self._refuse(path, "has a type that no session has")
        return kind == h5py.h5t.STRING and bool(dtype.is_variable_str())

    def _texts(self, dataset: h5py.h5d.DatasetID, path: str, rows: int) -> None:
        """Refuse texts that are longer than the file: many rows may share one text, which is then read many times."""
        self._text_rows += rows
        if self._text_rows > MAX_TEXT_ROWS:
            raise self._refuse(path, f"has more than {MAX_TEXT_ROWS} rows of free text")
        table = h5py.Dataset(dataset)
        if not table.shape:
            return
        at_once = max(1, min(1000, _SLACK_BYTES // self._size))
        for start in range(0, table.shape[0], at_once):
            for row in table[start : start + at_once].ravel():
                values = row if table.dtype.names else (row,)
                self._bytes += sum(len(value) for value in values if isinstance(value, bytes | str))
            if self._bytes > 2 * self._size + _SLACK_BYTES:
                raise self._refuse(path, "has more text than the file can hold")

    def _attributes(self, thing: Any, path: str) -> None:  # noqa: ANN401 - h5py is untyped
        """Refuse attributes of types that no session has."""
        count = h5py.h5a.get_num_attrs(thing)
        self._objects += count
        if self._objects > MAX_OBJECTS:
            raise self._refuse(path, f"has more than {MAX_OBJECTS} attributes")
        for index in range(count):
            attribute = h5py.h5a.open(thing, index=index)
            where = f"{path or '/'}@{attribute.name.decode('utf-8', 'replace')}"
            self._type(attribute.get_type(), where)
            self._bytes += math.prod(attribute.shape or ()) * attribute.get_type().get_size()
            if self._bytes > 2 * self._size + _SLACK_BYTES:
                raise self._refuse(where, "is larger than the file")

    def _refuse(self, path: str, what: str) -> RecordingError:
        return RecordingError(f"{path or '/'} {what}", self._name, "It is not as labcapture writes it: do not use it.")
