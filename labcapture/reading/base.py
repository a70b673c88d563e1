"""What every stream of a session has, and what is asked of libraries that not everyone has installed."""

from __future__ import annotations

import importlib
from functools import cached_property
from typing import Any, TypeVar

import h5py
from numpy.typing import NDArray

from labcapture.core.errors import RecordingError
from labcapture.reading.tables import Table, read_attributes, read_table

_Part = TypeVar("_Part", h5py.File, h5py.Group, h5py.Dataset)


def still_open(part: _Part, name: str) -> _Part:
    """Return this part of a file.

    Raises
    ------
    RecordingError
        The session it belongs to was closed.
    """
    if not part:
        raise RecordingError("was closed", name, "Open the session again.")
    return part


class Stream:
    """What every stream has."""

    def __init__(self, name: str, group: h5py.Group) -> None:
        self.name = name
        self._stored = group

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name}: {len(self)} at {self.rate_hz:g} Hz>"

    def __len__(self) -> int:
        raise NotImplementedError

    @property
    def _group(self) -> h5py.Group:
        return still_open(self._stored, self.name)

    def _array(self, path: str) -> NDArray[Any]:
        try:
            array: NDArray[Any] = self._group[path][()]
        except KeyError:
            raise RecordingError("is missing", f"{self.where}/{path}", "Run: labcapture verify.") from None
        return array

    @property
    def where(self) -> str:
        """File and path of the stream."""
        return f"{self._group.file.filename}:{self._group.name}"

    @cached_property
    def attributes(self) -> dict[str, Any]:
        """What the instrument said of itself: intrinsics, depth_units, firmware, serial number, ..."""
        return read_attributes(self._group)

    @property
    def rate_hz(self) -> float:
        """Nominal rate in frames or samples per second; 0: irregular."""
        return float(self.attributes["rate_hz"])

    @property
    def units(self) -> str:
        """Unit of the values."""
        return str(self.attributes["units"])

    @property
    def simulated(self) -> bool:
        """Whether no real instrument stands behind it."""
        return bool(self.attributes["simulated"])

    @cached_property
    def gaps(self) -> Table:
        """What is missing: cause, first, last, count, start, stop, note; times are those of arrival."""
        return read_table(self._group["gaps"])


def library(name: str) -> Any:  # noqa: ANN401 - whatever module it is
    """Return a library that the light install does not bring.

    Raises
    ------
    RecordingError
        It is not installed.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        what = f"needs {error.name or name}, which is not installed"
        raise RecordingError(what, f"this kind of array ({name})", "Run: pip install 'labcapture[analysis]'") from error
