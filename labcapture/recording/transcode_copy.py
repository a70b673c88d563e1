"""Copying an HDF5 file object by object, so that the copy may be of another version of HDF5 than the original."""

from __future__ import annotations

from collections.abc import Container

import h5py

from labcapture.core.errors import RecordingError

_BLOCK_BYTES = 16 * 2**20
_MAX_DEPTH = 8  # the format has five levels; a group that holds itself has no end


def copy_objects(source: h5py.Group, target: h5py.Group, leave_out: Container[str] = (), depth: int = 0) -> None:
    """Copy attributes, links, groups and datasets of ``source`` into ``target``, but no dataset of ``leave_out``.

    Parameters
    ----------
    source, target
        Groups of two files.
    leave_out
        Paths of datasets.
    depth
        How deep it has come.

    Raises
    ------
    RecordingError
        Something in it cannot be copied.
    """
    if depth > _MAX_DEPTH:
        raise RecordingError("groups lie deeper than in any session", f"{source.file.filename}: {source.name}")
    copy_attributes(source, target)
    for name in source:
        link, path = source.get(name, getlink=True), f"{source.name.rstrip('/')}/{name}"
        if isinstance(link, h5py.ExternalLink):
            target[name] = h5py.ExternalLink(link.filename, link.path)
        elif not isinstance(link, h5py.HardLink):
            raise RecordingError("is a link that no session has", f"{source.file.filename}: {path}")
        elif isinstance(child := source[name], h5py.Group):
            copy_objects(child, target.create_group(name), leave_out, depth + 1)
        elif path not in leave_out:
            _copy_dataset(child, target, name)


def copy_attributes(source: h5py.HLObject, target: h5py.HLObject) -> None:
    """Copy attributes with their types."""
    for name, value in source.attrs.items():
        stored = source.attrs.get_id(name)
        if isinstance(value, h5py.Empty):
            target.attrs[name] = value
        else:
            target.attrs.create(name, value, shape=stored.shape, dtype=stored.dtype)


def _copy_dataset(source: h5py.Dataset, target: h5py.Group, name: str) -> None:
    if source.external or source.is_virtual:  # its data lie in other files, of whatever kind
        raise RecordingError("has its data elsewhere", f"{source.file.filename}: {source.name}")
    if source.shape == ():
        copy = target.create_dataset(name, data=source[()], dtype=source.dtype)
    else:
        copy = target.create_dataset(
            name,
            source.shape,
            source.dtype,
            maxshape=source.maxshape if source.chunks else None,
            chunks=source.chunks,
            fletcher32=source.fletcher32,
            shuffle=source.shuffle or None,
            compression=source.compression,
            compression_opts=source.compression_opts,
        )
        rows = max(1, _BLOCK_BYTES * source.shape[0] // max(1, source.nbytes))
        for start in range(0, source.shape[0], rows):
            copy[start : start + rows] = source[start : start + rows]
    copy_attributes(source, copy)
