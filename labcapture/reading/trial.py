"""One recorded trial: its pictures, by index and by time, and what the rest of the session saw meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import h5py

from labcapture.core.errors import RecordingError
from labcapture.reading import moment
from labcapture.reading.base import still_open
from labcapture.reading.moment import Moment
from labcapture.reading.streams import FrameStream, read_attributes
from labcapture.reading.trial_pictures import TrialPictures
from labcapture.recording import schema
from labcapture.recording.conformity import plainly
from labcapture.recording.guard import check_file, check_inside, reading

if TYPE_CHECKING:
    from labcapture.reading.session import Session


class Trial(TrialPictures):
    """One recorded trial. Its streams are attributes by name: ``trial.color[0]``, ``trial.depth.time``."""

    def __init__(self, session: Session, name: str) -> None:
        self._session = session
        self._stored = session.h5["trials"][name]
        self.id = name
        self.attributes: Mapping[str, Any] = read_attributes(self._group)
        """step, clip, emotion, take, ... of the trial."""

    def __repr__(self) -> str:
        return f"<Trial {self.id}: {', '.join(self)}, {self.stop - self.start:.1f} s>"

    @property
    def _group(self) -> h5py.Group:
        return still_open(self._stored, self.id)

    def __iter__(self) -> Iterator[str]:
        return iter(self._group)

    def __getitem__(self, stream: str) -> FrameStream:
        """Return a camera stream.

        Raises
        ------
        KeyError
            The trial has no such stream.
        RecordingError
            Its file is missing or unreadable.
        """
        if stream not in self.streams:
            raise KeyError(f"trial {self.id} has {', '.join(self) or 'no pictures'}, not {stream}")
        return self.streams[stream]

    @property
    def superseded(self) -> bool:
        """Whether the clip was shown again, and the later trial counts."""
        return bool(self.attributes.get("superseded", False))

    @property
    def annotatable(self) -> bool:
        """Whether the trial kept every limit of the rule."""
        return self._session.verdicts[self.id][0]

    @property
    def reasons(self) -> list[str]:
        """Why it is not annotatable, a sentence for each limit."""
        return self._session.verdicts[self.id][1]

    def at(self, time: float, window_s: float = 1.0, periods: float = 1.0) -> Moment:
        """Return what all streams saw at ``time`` (LSL s).

        Parameters
        ----------
        time
            LSL s.
        window_s
            Length of the window of EDA and voice around it.
        periods
            How many periods of its stream a picture may be away; None stands for one that is further away.
        """
        return moment.moment(self._session, self, time, window_s, periods)

    @cached_property
    def file(self) -> h5py.File:
        """The trial's own file.

        Raises
        ------
        RecordingError
            It is missing, was not closed, or is damaged.
        """
        path = self._session.folder / schema.trial_path(self.id)
        schema.check_trial(self.id)
        with reading(path):
            there = path.is_file()
        if not there:
            raise RecordingError("the trial's file is missing", str(path), "Put it back beside session.h5.")
        check_inside(self._session.folder, path)
        try:
            h5 = h5py.File(path, "r")
        except OSError as error:
            mend = f"Run: labcapture recover {self._session.folder}"
            raise RecordingError(f"cannot be opened: {plainly(error)}", str(path), mend) from error
        try:
            check_file(h5, str(path))
        except BaseException:
            h5.close()
            raise
        return h5

    @cached_property
    def streams(self) -> Mapping[str, FrameStream]:
        """Its camera streams by name."""
        home = self._group if self._session.is_packed else self.file
        return {name: FrameStream(name, home[name]) for name in self}

    def close(self) -> None:
        """Close its file if it was opened."""
        if "file" in self.__dict__:
            self.file.close()
