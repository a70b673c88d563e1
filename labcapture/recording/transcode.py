"""A session with its pictures in another encoding: a new folder, proven before it takes its name.

::

    trials/x.h5 ──> stored bytes ──> digest as in the journal? ──> pixels ──> new bytes ──> the same pixels again?
                                                                                │
    draft folder <── session.h5, tables, journals with the new digests <────────┘
         └──> verify: is it whole? ──> renamed to the session's own name

The original is only read. Whatever fails, or an interruption, takes the draft away and leaves no folder that could be
taken for a session.
"""

from __future__ import annotations

import dataclasses
import hashlib
import os
import shutil
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from labcapture.core.errors import RecordingError
from labcapture.recording import encodings, schema
from labcapture.recording.conformity import plainly
from labcapture.recording.encodings import Codec
from labcapture.recording.folder import session_folder, write_checksums
from labcapture.recording.guard import DAMAGE, check_folder, opened
from labcapture.recording.journal import ChunkRecord, Journal, JournalReader, digest, sync_file
from labcapture.recording.store import restrict, set_values
from labcapture.recording.transcode_copy import copy_objects
from labcapture.recording.verify import verify

Progress = Callable[[str, int, int], None]
"""Told (what is being done, pictures done, pictures in all)."""

_LEAST_FREE_BYTES = 64 * 2**20  # kept on the disk: HDF5 cannot close a file that it cannot write


@dataclass(frozen=True, slots=True)
class Transcoded:
    """What became of a session.

    Parameters
    ----------
    folder, codec
        The copy, and how its pictures are encoded.
    pictures
        How many were encoded, each compared with the original.
    bytes_before, bytes_after
        Size of the pictures.
    """

    folder: str
    codec: str
    pictures: int
    bytes_before: int
    bytes_after: int


def transcode(
    path: str | os.PathLike[str],
    codec: str,
    out: str | os.PathLike[str],
    progress: Progress | None = None,
    workers: int | None = None,
) -> Transcoded:
    """Write a copy of a session whose pictures are encoded by ``codec``, and prove it.

    Parameters
    ----------
    path
        Folder of the session, or the ``session.h5`` in it. It is only read.
    codec
        ``jxl``, ``blosc2`` or ``gzip``.
    out
        Folder that receives the copy, under the session's own name.
    progress
        Called now and then.
    workers
        Threads that encode; as many as there are processors unless given.

    Raises
    ------
    BadInput
        There is no such codec.
    RecordingError
        There is no whole session at ``path``, the copy exists already or cannot be written, or it is not the same.
    """
    target = encodings.of(codec)
    source = session_folder(path).resolve()
    final = Path(out).resolve() / source.name
    if final.parent.is_relative_to(source):
        raise RecordingError("lies in the session itself", str(out), "Name another folder for the copy.")
    if final.exists():
        raise RecordingError("exists already; nothing was changed", str(final), "Name another folder for the copy.")
    if not final.parent.is_dir() and final.parent.exists():
        raise RecordingError("is no folder", str(out), "Name a folder for the copy.")
    draft = final.with_name(f"{final.name}.draft")
    try:
        draft.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        draft.mkdir(mode=0o750)
    except FileExistsError:
        mend = "If no other transcoding is running, remove it."
        raise RecordingError("is there from a transcoding that runs or was cut off", str(draft), mend) from None
    except OSError as error:
        raise RecordingError(f"cannot be created ({error.strerror})", str(draft), "Name another folder.") from error
    try:
        count = os.cpu_count() or 1 if workers is None else workers
        work = _Work(source, draft, target, progress or (lambda *_: None), count)
        work.run()
        if final.exists():
            raise RecordingError("appeared meanwhile; nothing was changed", str(final))
        draft.rename(final)
    except DAMAGE as error:  # a full disk is among them
        raise RecordingError(f"cannot be transcoded: {plainly(error)}", str(source)) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)  # there is none any more if all went well
    return Transcoded(str(final), codec, work.pictures, work.bytes_before, work.bytes_after)


class _Work:
    """One transcoding into a draft folder."""

    def __init__(self, source: Path, draft: Path, codec: Codec, progress: Progress, workers: int) -> None:
        self._source, self._draft, self._codec = source, draft, codec
        self._progress, self._workers = progress, workers
        self._total = 0
        self.pictures = self.bytes_before = self.bytes_after = 0

    def run(self) -> None:
        """Write the draft and prove it whole."""
        trials = self._look()
        self._prove(self._source, "is not whole")  # its checksums are not copied but made anew: nothing may hide there
        self._provenance = {
            "codec": self._codec.name,
            "transcoded_from": hashlib.sha256((self._source / schema.CHECKSUMS_FILE).read_bytes()).hexdigest(),
            "transcoded_utc": datetime.now(UTC).isoformat(),
            "transcoded_by": f"labcapture {metadata.version('labcapture')}",
        }
        self._copy_others()
        for trial, chunks in trials.items():
            self._trial(trial, chunks)
        self._session()
        write_checksums(self._draft)
        self._prove(self._draft, "its copy would not be whole")

    def _look(self) -> dict[str, list[ChunkRecord]]:
        """Return the pictures of each trial."""
        check_folder(self._source)
        with opened(self._source, schema.SESSION_FILE) as h5:
            closed, version = bool(h5.attrs.get("closed", False)), int(h5.attrs.get("version", 0))
            known = h5.attrs.get("format") == schema.FORMAT
        if not known:
            raise RecordingError("not a session of labcapture", str(self._source), "Is it the right file?")
        if not closed or not (self._source / schema.CHECKSUMS_FILE).is_file():
            raise RecordingError("was not closed", str(self._source), f"Run: labcapture recover {self._source}")
        if version > schema.VERSION:
            raise RecordingError(f"is of format version {version}", str(self._source), "Update labcapture.")
        trials = {}
        for file in sorted((self._source / schema.TRIALS_FOLDER).glob("*.h5")):
            journal = self._source / schema.journal_path(file.stem)
            if not journal.is_file():
                raise RecordingError("is missing", str(journal), f"Run: labcapture verify {self._source}")
            trials[file.stem] = list(JournalReader(journal).chunks())
        self._total = sum(map(len, trials.values()))
        return trials

    # Files ------------------------------------------------------------------------------------------------------------

    def _copy_others(self) -> None:
        """Copy everything but HDF5 files, journals and checksums, which are made anew."""
        for path in sorted(self._source.rglob("*")):
            name = path.relative_to(self._source)
            if path.is_dir():
                (self._draft / name).mkdir(mode=0o750)
            elif not self._is_made_anew(name.as_posix()):
                self._keep_room(path.stat().st_size)
                shutil.copyfile(path, self._draft / name)
                restrict(self._draft / name)

    def _is_made_anew(self, name: str) -> bool:
        trial = name.startswith(f"{schema.TRIALS_FOLDER}/") and name.endswith(".h5")
        journal = name.startswith(f"{schema.JOURNAL_FOLDER}/") and name.endswith(".jsonl")
        return trial or journal or name in {schema.SESSION_FILE, schema.CHECKSUMS_FILE}

    def _keep_room(self, nbytes: int) -> None:
        free = shutil.disk_usage(self._draft).free
        if free < nbytes + _LEAST_FREE_BYTES:
            raise RecordingError(f"the disk is full ({free / 1e6:.0f} MB free)", str(self._draft), "Free some space.")

    def _create(self, name: str) -> h5py.File:
        file = h5py.File(self._draft / name, "x", libver=self._codec.libver)
        restrict(self._draft / name)
        return file

    def _sync(self, name: str) -> None:
        with (self._draft / name).open("rb+") as file:
            sync_file(file.fileno())

    def _session(self) -> None:
        self._progress(schema.SESSION_FILE, self.pictures, self._total)
        self._keep_room((self._source / schema.SESSION_FILE).stat().st_size)
        with opened(self._source, schema.SESSION_FILE) as source, self._create(schema.SESSION_FILE) as copy:
            copy_objects(source["/"], copy["/"])
            set_values(copy["/"], self._provenance)
        self._sync(schema.SESSION_FILE)
        self._journal(schema.SESSION_FILE, schema.journal_path(), {})

    def _journal(self, file: str, journal: str, pictures: Mapping[tuple[str, int], ChunkRecord]) -> None:
        """Write a journal anew, with ``pictures`` by dataset and index as they now are, and where they come from."""
        reader = JournalReader(self._source / journal)
        writer = Journal(self._draft / journal, file)
        try:
            for record in reader:
                kind = record.pop("kind")
                if kind == "end":
                    writer.append("values", path="/", values=self._provenance)
                if kind == "chunk":
                    chunk = reader.chunk(record)
                    writer.chunk(pictures[chunk.dataset, chunk.index])
                elif kind not in {"header", "keys"}:  # which the writer makes itself
                    writer.append(kind, **record)
            writer.sync()
        finally:
            writer.close()
        if reader.torn or reader.damaged or not reader.ended:
            raise RecordingError("is damaged", str(reader.path), f"Run: labcapture verify {self._source}")

    # Pictures ---------------------------------------------------------------------------------------------------------

    def _trial(self, trial: str, chunks: Sequence[ChunkRecord]) -> None:
        name = schema.trial_path(trial)
        with opened(self._source, name) as source:
            datasets = {f"/{stream}/frames": source[stream]["frames"] for stream in source}
            with self._create(name) as copy:
                copy_objects(source["/"], copy["/"], leave_out=datasets)
                set_values(copy["/"], self._provenance)
                for path, pictures in datasets.items():
                    self._add_pictures(copy, path, pictures)
                digests = self._pictures(name, datasets, copy, chunks)
            self._sync(name)
            self._journal(name, schema.journal_path(trial), self._placed(name, datasets, chunks, digests))

    def _add_pictures(self, copy: h5py.File, path: str, source: h5py.Dataset) -> None:
        shape, dtype = source.shape[1:], source.dtype
        options = self._codec.options(dtype.name, shape)
        pictures = copy.create_dataset(path, source.shape, dtype, maxshape=(None, *shape), **options)
        for key, value in source.attrs.items():
            pictures.attrs[key] = value
        pictures.attrs["long_name"] = self._codec.long_name

    def _pictures(
        self, name: str, datasets: Mapping[str, h5py.Dataset], copy: h5py.File, chunks: Sequence[ChunkRecord]
    ) -> list[str]:
        """Write the pictures of a trial; return their new digests, in order."""
        file = self._source / name
        convert = {path: _Converter(file, pictures, self._codec) for path, pictures in datasets.items()}
        digests = []
        pool = ThreadPoolExecutor(self._workers, "transcode")
        try:
            for chunk, (encoded, proof) in zip(chunks, self._converted(pool, convert, chunks), strict=True):
                pictures = copy[chunk.dataset]
                self._keep_room(len(encoded))
                pictures.id.write_direct_chunk((chunk.index,) + (0,) * (pictures.ndim - 1), encoded)
                digests.append(proof)
                self.pictures += 1
                self.bytes_before += chunk.size
                self.bytes_after += len(encoded)
                self._progress(name, self.pictures, self._total)
        finally:
            pool.shutdown(cancel_futures=True)
        return digests

    def _converted(
        self, pool: ThreadPoolExecutor, convert: Mapping[str, _Converter], chunks: Sequence[ChunkRecord]
    ) -> Iterator[tuple[bytes, str]]:
        """Yield what `_Converter` makes of each picture, in order; only a few are in memory at a time."""
        waiting: deque[Future[tuple[bytes, str]]] = deque()
        for chunk in chunks:
            if chunk.dataset not in convert:
                raise RecordingError("is missing", f"{chunk.dataset} of {self._source}", "Run: labcapture verify")
            waiting.append(pool.submit(convert[chunk.dataset], chunk))
            if len(waiting) > 2 * self._workers:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def _placed(
        self, name: str, originals: Mapping[str, h5py.Dataset], chunks: Sequence[ChunkRecord], digests: Sequence[str]
    ) -> dict[tuple[str, int], ChunkRecord]:
        """Return the records of the new pictures; let plain h5py read the first of each stream as any reader would."""
        placed = {}
        with h5py.File(self._draft / name, "r") as copy:
            stored: dict[tuple[str, int], Any] = {}
            for path, original in originals.items():
                pictures = copy[path]
                pictures.id.chunk_iter(lambda info, path=path: stored.__setitem__((path, info.chunk_offset[0]), info))
                if len(pictures) and not np.array_equal(pictures[0], original[0]):
                    raise RecordingError("reads otherwise than the original", f"{name}: {path}[0]")
            for chunk, proof in zip(chunks, digests, strict=True):
                key = chunk.dataset, chunk.index
                place = stored[key]
                placed[key] = dataclasses.replace(
                    chunk, offset=place.byte_offset, size=place.size, filter_mask=place.filter_mask, digest=proof
                )
        return placed

    # Proof ------------------------------------------------------------------------------------------------------------

    def _prove(self, folder: Path, what: str) -> None:
        """Have a session verified.

        For the draft, with its digests of what was compared, this proves every picture on the disk.
        """
        self._progress("verify", self.pictures, self._total)
        problems = verify(folder).problems
        if problems:
            more = f" (and {len(problems) - 1} more problems)" if len(problems) > 1 else ""
            mend = f"Run: labcapture verify {self._source}"
            raise RecordingError(f"{what}: {problems[0]}{more}", str(self._source), mend)


class _Converter:
    """Turns stored pictures of one dataset into another encoding. Called from several threads.

    Parameters
    ----------
    file, pictures
        Where they lie.
    codec
        The new encoding.
    """

    def __init__(self, file: Path, pictures: h5py.Dataset, codec: Codec) -> None:
        self._file, self._path, self._codec = file, pictures.name, codec
        self._old = encodings.codec_of(pictures)
        self._dtype, self._shape = pictures.dtype, pictures.shape[1:]
        kind = self._dtype.name, self._shape
        self._is_so_already = self._old is not None and self._old.options(*kind) == codec.options(*kind)

    def __call__(self, chunk: ChunkRecord) -> tuple[bytes, str]:
        """Return the bytes of the picture's new chunk, and their digest.

        Raises
        ------
        RecordingError
            The picture is not what the journal says, or would not come back as it was.
        """
        where = f"{self._file}: {self._path}[{chunk.index}]"
        mend = f"Run: labcapture verify {self._file.parents[1]}"
        with self._file.open("rb") as file:
            file.seek(chunk.offset)
            stored = file.read(chunk.size)
        if digest(stored) != chunk.digest:
            raise RecordingError("was changed: its digest differs from the journal's", where, mend)
        try:
            pixels = encodings.decode(self._old, stored, chunk.filter_mask, self._dtype, self._shape)
        except Exception as error:  # whatever a decoder has against it
            raise RecordingError(f"cannot be decoded ({error})", where, mend) from error
        if self._is_so_already and not chunk.filter_mask:
            return stored, chunk.digest
        encoded = self._codec.encode(pixels)
        again = encodings.decode(self._codec, encoded, 0, self._dtype, self._shape)
        if not np.array_equal(again, pixels):
            raise RecordingError(f"would not come back from {self._codec.name} as it was", where)
        return encoded, digest(encoded)
