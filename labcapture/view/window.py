"""The viewer's window: pictures above, time below, events and measures at the side."""

from __future__ import annotations

from functools import partial
from typing import Any

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent, QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QMainWindow, QSplitter, QVBoxLayout, QWidget

from labcapture.console.theme import Theme, scale_of
from labcapture.reading import Session, Trial
from labcapture.view.events import EventList, events_of
from labcapture.view.film import Film
from labcapture.view.keys import GROUPS, Help
from labcapture.view.lanes import lanes_of
from labcapture.view.measure import short
from labcapture.view.measuring import Measuring
from labcapture.view.panels import LookPanel, MeasurePanel, Transport, panel
from labcapture.view.picture import Look, PictureView
from labcapture.view.projector import Projector
from labcapture.view.sound import Player, Voice
from labcapture.view.steering import Steering
from labcapture.view.style import label, scale_room, viewer_style
from labcapture.view.tracks import Trace, Tracks
from labcapture.view.waves import Background, Wave, envelope, wave_of

_SAID_MS = 4000  # so long a message stands


class ViewerWindow(QMainWindow):
    """One session. Close it, and its threads end; the session stays open for whoever opened it.

    Parameters
    ----------
    session
        Open as long as the window is.

    Raises
    ------
    RecordingError
        A trial's file is missing or damaged, or nothing was recorded.
    """

    _heard = Signal(object)

    def __init__(self, theme: Theme, session: Session) -> None:
        film = Film(session)
        events = events_of(film)
        super().__init__()
        self.film = film
        self._theme = theme
        self.setWindowTitle(f"{session.name} – labcapture")
        self.setMinimumSize(QSize(960, 600))
        self.look = Look()
        self.color_pane = PictureView(theme, "colour", self.look)
        self.depth_pane = PictureView(theme, "depth", self.look)
        self.projector = Projector(film, self.color_pane, self.depth_pane)
        self.tracks = Tracks(theme, film)
        self.tracks.lanes = lanes_of(film, events)
        self.events = EventList(theme, film, events)
        self.transport = Transport(theme, self._call)
        self.options = LookPanel(self._call)
        self.measures = MeasurePanel()
        self._message = ""
        self._by_hand = False
        voice = next(iter(session.audio.values()), None)
        player = Player(Voice(voice) if voice is not None and len(voice) else None)
        self.steering = Steering(film, self.projector, player)
        panes = {"color": self.color_pane, "depth": self.depth_pane}
        self.measuring = Measuring(film, self.steering, self.tracks, self.measures, panes)
        self.measuring.said.connect(lambda words, stay: self.say(words, stay=stay))
        self.steering.moved.connect(self._moved)
        self.steering.changed.connect(self._show_playing)
        self._forget = QTimer(self)
        self._forget.setSingleShot(True)
        self._forget.timeout.connect(partial(self.say, ""))
        self._traces()
        self._arrange(session)
        self._bind()
        first = film.span(film.trials[0])[0] if film.trials else film.start
        self.steering.go(first)
        self._show_playing()
        self._waveform = Background(
            (lambda stop: envelope(voice, stop)) if voice is not None else (lambda _: None), self._heard.emit
        )

    # Building ---------------------------------------------------------------------------------------------------------

    def _traces(self) -> None:
        session = self.film.session
        for name in session.audio:
            self._voice_trace = Trace(name, "", symmetric=True)
            self.tracks.traces.append(self._voice_trace)
            break
        for name, stream in session.samples.items():
            self.tracks.traces.append(Trace(name, short(stream.units), wave_of(stream)))
        self._heard.connect(self._show_wave)

    def _show_wave(self, wave: Wave | None) -> None:
        if wave is not None:
            self._voice_trace.wave = wave
            self.tracks.renew()

    def _arrange(self, session: Session) -> None:
        self._halves = halves = QSplitter(Qt.Orientation.Vertical)
        halves.splitterMoved.connect(self._moved_splitter)
        halves.setChildrenCollapsible(False)
        halves.setHandleWidth(6)
        panes = _row(self.color_pane, self.depth_pane)
        halves.addWidget(_column(panes, self.transport))
        halves.addWidget(self.tracks)
        listed, inner = panel("Events")
        inner.addWidget(self.events, 1)
        self._side = _column(listed, self.options, self.measures)
        below = QHBoxLayout()
        below.setSpacing(6)
        below.addWidget(halves, 1)
        below.addWidget(self._side)
        whole = QWidget()
        layout = QVBoxLayout(whole)
        layout.setContentsMargins(10, 8, 10, 10)
        layout.setSpacing(6)
        layout.addLayout(self._head(session))
        layout.addLayout(below, 1)
        self.setCentralWidget(whole)
        self._scale = 0.0
        self.options.show_mode(self.projector.mode)

    def _head(self, session: Session) -> QHBoxLayout:
        self.trial = QComboBox()
        self.trial.setAccessibleName("Trial")
        self.trial.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        for trial in self.film.trials:
            self.trial.addItem(_words_of(trial), trial.id)
        self.trial.activated.connect(lambda row: self.steering.seek(self.film.span(self.film.trials[row])[0]))
        self.camera = QComboBox()
        self.camera.setAccessibleName("Camera")
        for camera in self.film.cameras:
            self.camera.addItem(camera.name)
        self.camera.setVisible(len(self.film.cameras) > 1)
        self.camera.activated.connect(self._change_camera)
        badge = label("SIMULATED")
        badge.setObjectName("simulated")
        badge.setVisible(session.simulated)
        head = QHBoxLayout()
        head.setSpacing(10)
        head.addWidget(label(f"{session.participant}  {session.session}", "lead"))
        head.addWidget(label(f"part {session.part}, {session.verdict}", "caption"))
        head.addWidget(badge)
        head.addStretch(1)
        head.addWidget(label("F1: keys", "caption"))
        head.addWidget(self.camera)
        head.addWidget(label("trial", "caption"))
        head.addWidget(self.trial)
        return head

    def _bind(self) -> None:
        for bindings in GROUPS.values():
            for binding in bindings:
                for key, value in binding.ways:
                    made = QShortcut(QKeySequence(key), self)
                    made.activated.connect(partial(self._call, binding.action, value))
        self.tracks.sought.connect(self.steering.seek)
        self.events.chosen.connect(self.steering.seek)
        self.projector.changed.connect(self._show_time)
        self.options.changed.connect(lambda changes: self.projector.set_mode(**changes))
        self.transport.clock.returnPressed.connect(self._enter_time)
        self.transport.frame.returnPressed.connect(self._enter_frame)

    def _call(self, action: str, value: int | None = None) -> None:
        owner = next(it for it in (self.steering, self.measuring, self) if action in type(it).__dict__)
        method = getattr(owner, action)
        method() if value is None else method(value)

    # Time -------------------------------------------------------------------------------------------------------------

    def _moved(self, time: float) -> None:
        self.tracks.show_cursor(time)
        self.events.follow(time)
        self._show_time()

    def go_event(self, way: int) -> None:
        """Go to the previous (-1) or next (1) event that passes the filter."""
        times, here = self.events.times(), self.projector.time
        ahead = [time for time in times if (time > here + 1e-6 if way > 0 else time < here - 1e-6)]
        if ahead:
            self.steering.seek(ahead[0] if way > 0 else ahead[-1])

    def _enter_time(self) -> None:
        try:
            time = self.film.parse(self.transport.clock.text())
        except ValueError:
            self.say("That is no time: 01:23.450, 83.45 or LSL 5123.4")
            return
        self.tracks.setFocus()
        self.steering.seek(time)

    def _enter_frame(self) -> None:
        trial = self.film.trial_at(self.projector.time)
        reel = None if trial is None else self.film.lead(trial, self.projector.camera)
        words = self.transport.frame.text().strip()
        if reel is None or not words.isdecimal() or not int(words) < len(reel):
            self.say("Between trials there are no frames" if reel is None else f"Frames are 0 to {len(reel) - 1}")
            return
        self.tracks.setFocus()
        self.steering.seek(float(reel.time[int(words)]))

    def focus_time(self) -> None:
        """Let a time be typed."""
        self.transport.clock.setFocus()
        self.transport.clock.selectAll()

    def focus_frame(self) -> None:
        """Let an index be typed."""
        self.transport.frame.setFocus()
        self.transport.frame.selectAll()

    def focus_filter(self) -> None:
        """Let the events be filtered."""
        self._side.setVisible(True)
        self.events.words.setFocus()
        self.events.words.selectAll()

    # Look -------------------------------------------------------------------------------------------------------------

    def _set_mode(self, **changes: Any) -> None:  # noqa: ANN401 - any field of Mode
        self.projector.set_mode(**changes)
        self.options.show_mode(self.projector.mode)

    def toggle_blend(self) -> None:
        """Side by side, or depth over colour."""
        self.depth_pane.setVisible(self.projector.mode.blend)
        self._set_mode(blend=not self.projector.mode.blend)
        self._share_height()

    def change_opacity(self, way: int) -> None:
        """Less (-1) or more (1) depth over colour."""
        self._set_mode(opacity=min(1.0, max(0.0, self.projector.mode.opacity + 0.1 * way)))

    def toggle_contours(self) -> None:
        """Lines of equal distance, or none."""
        wanted = float(self.options.every.value()) if self.projector.mode.contour_mm == 0 else 0.0
        self._set_mode(contour_mm=wanted)

    def fit_range(self) -> None:
        """Fit the colours of depth to what is nearest."""
        self.projector.fit_range()
        self.options.show_mode(self.projector.mode)

    def toggle_difference(self) -> None:
        """Show what moved since the reference, or the pictures themselves."""
        mode = self.projector.mode
        reference = self.projector.time if mode.reference is None else mode.reference
        if mode.reference is None:
            self.say("This frame is the reference now; go to another one")
        self._set_mode(difference=not mode.difference, reference=reference)
        self.measuring.show_marks()

    def set_reference(self) -> None:
        """Make this frame the one that others are compared with."""
        self._set_mode(reference=self.projector.time)
        self.say("reference set")
        self.measuring.show_marks()

    def change_gain(self, way: int) -> None:
        """Magnify motion half as much (-1) or twice as much (1)."""
        self._set_mode(gain=min(64.0, max(1.0, self.projector.mode.gain * 2.0**way)))

    def reset_zoom(self) -> None:
        """Show whole pictures."""
        self.look.set(1.0, self.look.centre)

    def _change_camera(self, place: int) -> None:
        self.projector.set_camera(self.film.cameras[place])

    def zoom_time(self, way: int) -> None:
        """Show more (-1) or less (1) time."""
        self.tracks.zoom(1.6 ** (-way))

    def zoom_whole(self) -> None:
        """Show the whole session."""
        self.tracks.show_whole()

    def zoom_trial(self) -> None:
        """Show this trial."""
        trial = self.film.trial_at(self.projector.time)
        if trial is not None:
            first, last = self.film.span(trial)
            self.tracks.show_range(first - 0.02 * (last - first), last + 0.02 * (last - first))

    def toggle_side(self) -> None:
        """Hide or show the right column."""
        self._side.setVisible(not self._side.isVisible())

    def toggle_full(self) -> None:
        """Full screen, or a window."""
        self.showNormal() if self.isFullScreen() else self.showFullScreen()

    def show_help(self) -> None:
        """Show all keys."""
        shown = Help(self)
        scale_room(shown, self._scale)
        shown.open()

    # Showing ----------------------------------------------------------------------------------------------------------

    def say(self, words: str, *, stay: bool = False) -> None:
        """Show a message for some seconds."""
        self._message = words
        self._show_playing()
        if words and not stay:
            self._forget.start(_SAID_MS)

    def _show_time(self) -> None:
        color, depth = self.projector.shown()
        mine = color if self.projector.camera.color else depth
        if not self.transport.clock.hasFocus():
            self.transport.clock.setText(self.film.clock(self.projector.time))
        if not self.transport.frame.hasFocus():
            self.transport.frame.setText("–" if mine.index is None else str(mine.index))
        trial = self.film.trial_at(self.projector.time)
        self.trial.setCurrentIndex(-1 if trial is None else self.film.trials.index(trial))

    def _show_playing(self) -> None:
        steering = self.steering
        words = self._message or steering.words()
        self.transport.show_playing(steering.player.playing, steering.speed, words)

    def _moved_splitter(self) -> None:
        self._by_hand = True

    def _share_height(self) -> None:
        """Give the pictures the height at which they fill their width, and the time line the rest, which it needs."""
        if self._by_hand:
            return
        width = self._halves.width() / (1 if self.projector.mode.blend else 2)
        wanted = round(width * 9 / 16) + self.transport.sizeHint().height() + 8
        height = self._halves.height()
        upper = min(wanted, height - self.tracks.sizeHint().height())
        self._halves.setSizes([upper, height - upper])

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Grow all sizes with the window."""
        super().resizeEvent(event)
        scale = scale_of(self.height())
        if scale != self._scale:
            self._scale = scale
            self.setStyleSheet(viewer_style(self._theme, scale))
            scale_room(self, scale)
            self._halves.setHandleWidth(round(6 * scale))
            self._side.setFixedWidth(round(336 * scale))
            self.events.set_scale()
            self.transport.set_scale()
            self.tracks.renew()
        QTimer.singleShot(0, self, self._share_height)  # once the layout knows the new size

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        """End playing and all threads."""
        self._forget.stop()
        self.steering.pause()
        self.steering.player.close()
        self._waveform.close()
        self.projector.close()
        super().closeEvent(event)


def _row(*parts: QWidget) -> QWidget:
    made = QWidget()
    layout = QHBoxLayout(made)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(6)
    for part in parts:
        layout.addWidget(part, 1)
    return made


def _column(first: QWidget, *others: QWidget) -> QWidget:
    """Return a column whose first part takes what is left."""
    made = QWidget()
    layout = QVBoxLayout(made)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(6)
    layout.addWidget(first, 1)
    for part in others:
        layout.addWidget(part)
    return made


def _words_of(trial: Trial) -> str:
    parts = [trial.id, *(str(trial.attributes.get(name, "")) for name in ("clip", "emotion"))]
    return "  ".join(dict.fromkeys(part for part in parts if part))
