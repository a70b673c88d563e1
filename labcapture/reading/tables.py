"""Tables and attributes of a session's files, as numpy's and Python's own."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

Table = NDArray[Any]
"""A structured array, one row per row of the table; text is ``str``, not bytes."""


def read_table(dataset: h5py.Dataset) -> Table:
    """Return a table with its text columns as ``str``."""
    rows = dataset[()]
    names = rows.dtype.names
    texts = {name for name in names if h5py.check_string_dtype(dataset.dtype[name]) or rows.dtype[name].kind == "S"}
    table = np.empty(rows.shape, [(name, object if name in texts else rows.dtype[name]) for name in names])
    for name in names:
        table[name] = [_text(value) for value in rows[name]] if name in texts else rows[name]
    return table


def _text(value: Any) -> str:  # noqa: ANN401 - h5py gives bytes or str
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def read_attributes(group: h5py.Group) -> dict[str, Any]:
    """Return the attributes with numbers as Python's and text as ``str``."""
    return {name: _plain(value) for name, value in group.attrs.items()}


def _plain(value: Any) -> Any:  # noqa: ANN401 - any attribute
    if isinstance(value, bytes):
        return value.decode("utf-8")
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, np.ndarray) and value.dtype.kind in "OS":
        return [_text(item) for item in value.ravel()]
    return value
