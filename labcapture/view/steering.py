"""Moving through a session: by frames, seconds and trials, and by playing."""

from __future__ import annotations

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from labcapture.view.film import Film
from labcapture.view.projector import Projector, stride_of
from labcapture.view.sound import Player

SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0)
_TICK_MS = 10
_PITCH = "pitch changes with the speed"


class Steering(QObject):
    """Where one is in a session, and how one gets elsewhere."""

    moved = Signal(float)
    """LSL time (s) that is to be seen now."""
    changed = Signal()
    """Playing began, ended, or goes otherwise."""

    def __init__(self, film: Film, projector: Projector, player: Player) -> None:
        super().__init__()
        self.film, self.projector, self.player = film, projector, player
        self.speed = 1.0
        self.skipped = 0
        """Frames that were not decoded in time while playing."""
        self._waited_for: int | None = None
        self._clock = QTimer(self)
        self._clock.setTimerType(Qt.TimerType.PreciseTimer)
        self._clock.timeout.connect(self._tick)

    @property
    def time(self) -> float:
        """LSL seconds."""
        return self.projector.time

    def go(self, time: float, speed: float = 0.0) -> None:
        """Show LSL ``time`` (s); ``speed`` tells how fast it goes on."""
        time = min(max(time, self.film.start), self.film.stop)
        self.projector.show(time, speed)
        self.moved.emit(time)

    def seek(self, time: float) -> None:
        """Show LSL ``time`` (s); playing goes on from there."""
        self.go(time)
        if self.player.playing:
            self.player.play(self.time, self.speed)

    # Playing ----------------------------------------------------------------------------------------------------------

    def toggle_play(self) -> None:
        """Play or pause."""
        if self.player.playing:
            self.pause()
            return
        self.skipped, self._waited_for = 0, None
        self.player.play(self.time if self.time < self.film.stop else self.film.start, self.speed)
        self._clock.start(_TICK_MS)
        self.changed.emit()

    def pause(self) -> None:
        """Stand still."""
        self._clock.stop()
        if self.player.playing:
            self.player.pause()
            self.go(self.time)  # what was not decoded in time
            self.changed.emit()

    def _tick(self) -> None:
        time = self.player.position()
        now = self.projector.awaited
        if self._waited_for is not None and now == self._waited_for:
            at = self.film.at(time, self.projector.lead)
            self.skipped += at.index is not None and at.index != now
        self._waited_for = now
        self.go(self._beat(time), self.speed)
        if time >= self.film.stop:
            self.go(time)
            self.pause()
        self.changed.emit()

    def _beat(self, time: float) -> float:
        """Return the moment whose picture is shown at ``time``: at 2 and 4 times, every second and fourth frame."""
        stride = stride_of(self.speed)
        trial = self.film.trial_at(time)
        reel = None if trial is None or stride == 1 else self.film.lead(trial, self.projector.camera)
        if reel is None or not len(reel):
            return time
        beat, first = stride * reel.period, float(reel.time[0])
        return max(first + int((time - first) / beat) * beat, self.film.start)

    def set_speed(self, place: int) -> None:
        """Play at one of `SPEEDS`."""
        self.speed = SPEEDS[place]
        if self.player.playing:
            self.player.play(self.time, self.speed)
        self.changed.emit()

    def change_speed(self, way: int) -> None:
        """Play slower (-1) or faster (1)."""
        self.set_speed(min(len(SPEEDS) - 1, max(0, SPEEDS.index(self.speed) + way)))

    def toggle_mute(self) -> None:
        """Sound off or on."""
        self.player.muted = not self.player.muted
        if self.player.playing:
            self.player.play(self.time, self.speed)
        self.changed.emit()

    def words(self) -> str:
        """Return how it plays; empty while it does not."""
        if not self.player.playing:
            return "muted" if self.player.muted else ""
        if self.player.muted:
            words = "muted"
        elif self.player.audible:
            words = "sound" if self.speed == 1 else f"sound, {_PITCH}"
        else:
            words = self.player.note
        return words + (f"   {self.skipped} frames not shown in time" if self.skipped else "")

    # Going ------------------------------------------------------------------------------------------------------------

    def step(self, frames: int) -> None:
        """Go on by frames; a missing one is a step, too."""
        self.pause()
        self.go(self.film.step(self.time, frames, self.projector.camera))

    def shift(self, seconds: float) -> None:
        """Go on by seconds."""
        self.seek(self.time + seconds)

    def go_edge(self, way: int) -> None:
        """Go to the first (-1) or last (1) frame of the trial; between trials, of the session."""
        trial = self.film.trial_at(self.time)
        first, last = self.film.span(trial) if trial is not None else (self.film.start, self.film.stop)
        self.seek(first if way < 0 else last)

    def go_trial(self, way: int) -> None:
        """Go to the beginning of the previous (-1) or next (1) trial."""
        trial = self.film.neighbour(self.time, way)
        if trial is not None:
            self.seek(self.film.span(trial)[0])
