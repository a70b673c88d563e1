"""Live pictures and traces, read from the engine's shared memory at the window's own pace; the head while it is set."""

from __future__ import annotations

import time

import numpy as np
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from labcapture.console.head_panel import HeadPanel
from labcapture.console.parts import label, panel
from labcapture.console.pictures import PictureView
from labcapture.console.stage_panel import StagePanel
from labcapture.console.stage_view import StageStrip
from labcapture.console.text import running_step
from labcapture.console.theme import Theme
from labcapture.console.traces import SignalView, TraceView, VoiceView, is_voice
from labcapture.engine.head_messages import HeadView
from labcapture.engine.messages import EngineState, PreviewLayout, Snapshot, TraceSlot
from labcapture.engine.preview import STAGE, PreviewReader

PICTURE_MS = 40
_PICTURE_SHARE = 0.62  # of the height, at most
_MOST_ABREAST = 3
_TRACE_EVERY = 3  # refreshes of the pictures


class Previews(QWidget):
    """All camera streams side by side; below them the participant's screen and all signals.

    The pictures of several cameras stand in rows of two. A slow or hidden window skips previews; the engine neither
    notices nor waits.
    """

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._scale = 1.0
        self._layout: PreviewLayout | None = None
        self._reader: PreviewReader | None = None
        self._snapshot: Snapshot | None = None
        self._heard = 0.0
        self._ticks = 0
        self.pictures: list[PictureView] = []
        self.traces: list[TraceView] = []
        self._coming: list[TraceSlot] = []  # signals that have no plot yet
        self._empty = label("no pictures and no signals now", "caption")
        self._empty.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self._picture_grid = QGridLayout()
        self._picture_grid.setSpacing(8)
        self._trace_panel, self._trace_column = panel()
        self._trace_panel.setAccessibleName("Signals")
        self.stage = StageStrip(theme)
        self.participant = StagePanel(theme)
        self.head = HeadPanel(theme)
        self._head_frame, head_column = panel()
        head_column.addWidget(self.head)
        self._head_frame.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(8)
        column.addLayout(self._picture_grid)
        column.addWidget(self.stage)
        column.addWidget(self._head_frame, 1)
        self._below = QWidget()
        below = QHBoxLayout(self._below)
        below.setContentsMargins(0, 0, 0, 0)
        below.setSpacing(8)
        below.addWidget(self.participant, 4)
        below.addWidget(self._trace_panel, 5)
        column.addWidget(self._below, 1)
        column.addWidget(self._empty, 1)
        self._trace_panel.hide()
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self.refresh)

    def show_snapshot(self, snapshot: Snapshot) -> None:
        """Follow the engine: another session has another memory."""
        self._snapshot, self._heard = snapshot, time.monotonic()
        self.stage.show_snapshot(snapshot)
        self.participant.show_snapshot(snapshot)
        self._follow(snapshot.preview if snapshot.state is not EngineState.IDLE else None)
        step = running_step(snapshot)
        calibrates = step is not None and step.kind == "calibrate" and step.state == "running"
        self._show_head(snapshot.head if calibrates else None)

    def show_calibration(self, snapshot: Snapshot) -> None:
        """Follow the engine while it shows a head without a session."""
        self._snapshot, self._heard = snapshot, time.monotonic()
        self._follow(snapshot.preview)
        self._show_head(snapshot.head)
        self.stage.hide()

    def _follow(self, layout: PreviewLayout | None) -> None:
        if layout != self._layout:
            self._let_go()
            if layout is not None:
                self._attach(layout)
        if self._reader is not None and not self._timer.isActive():
            self._timer.start(PICTURE_MS)

    def _show_head(self, seen: HeadView | None) -> None:
        """Give the place of the signals to the head's position while that is set."""
        head = seen if self._layout is not None else None
        if head is not None:
            self.head.show_head(head)
        for view in self.pictures:
            view.show_head(head)
        self._head_frame.setVisible(head is not None)
        self._below.setVisible(head is None and self._layout is not None)
        has_screen = self.participant.mirror is not None and head is None
        self.participant.setVisible(has_screen)
        self.stage.setVisible(not has_screen)  # one of them tells what the participant sees
        self._trace_panel.setVisible(head is None and bool(self.traces or self._coming))
        self._share()

    def set_scale(self, scale: float) -> None:
        """Size the figures."""
        self._scale = scale
        for trace in self.traces:
            trace.set_scale(scale)

    def refresh(self) -> None:
        """Show what is new in the memory."""
        if self._reader is None or self._snapshot is None or not self.isVisible():
            return
        if self._coming:
            self._add_trace()
            return
        simulated = {stream.name for stream in self._snapshot.streams if stream.simulated}
        if self._snapshot.calibration is not None and self._snapshot.calibration.simulated:
            simulated |= {view.stream for view in self.pictures}
        for view in self._views():
            picture = self._reader.picture(view.stream, view.count)
            if picture is not None:
                view.show_picture(picture)
            view.watch(simulated=view.stream in simulated)
        self._ticks += 1
        if self._ticks % _TRACE_EVERY:
            return
        now = self._snapshot.time + time.monotonic() - self._heard
        for trace in self.traces:
            times, values = self._reader.trace(trace.slot.name)
            trace.show_values(times, np.asarray(values), now)
            trace.markers.show(self._snapshot.markers, now, labelled=trace is self.traces[-1])

    def _views(self) -> list[PictureView]:
        """Return all that pictures come for."""
        return [*self.pictures, self.participant.mirror] if self.participant.mirror is not None else self.pictures

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        """Give the pictures their own shape, and the signals what is left."""
        super().resizeEvent(event)
        self._share()

    def _share(self) -> None:
        if not self.pictures:
            return
        columns, gap = _columns(len(self.pictures)), self._picture_grid.spacing()
        rows = -(-len(self.pictures) // columns)
        each = (self.width() - gap * (columns - 1)) / columns
        least = 0 if self._head_frame.isHidden() else self._head_frame.sizeHint().height() + gap
        room = (min(self.height() * _PICTURE_SHARE, self.height() - least) - gap * (rows - 1)) / rows
        height = round(min(max(each / view.aspect for view in self.pictures), room))
        for view in self.pictures:
            view.setFixedHeight(height)

    def close_memory(self) -> None:
        """Stop refreshing and let go of the memory."""
        self._let_go()

    def _attach(self, layout: PreviewLayout) -> None:
        try:
            reader = PreviewReader(layout)
        except FileNotFoundError:
            return  # the session ended between snapshot and now; the next snapshot has no or another memory
        self._layout, self._reader = layout, reader
        screens = [slot for slot in layout.pictures if slot.name == STAGE]
        cameras = [slot for slot in layout.pictures if slot.name != STAGE]
        for slot in cameras:
            view = PictureView(self._theme, slot)
            self._picture_grid.addWidget(view, *divmod(len(self.pictures), _columns(len(cameras))))
            self.pictures.append(view)
        for slot in screens:
            self.participant.attach(slot)
        self._coming = sorted(layout.traces, key=lambda slot: not is_voice(slot))
        self._trace_panel.setVisible(bool(self._coming))
        self._empty.hide()
        self._share()

    def _add_trace(self) -> None:
        """Make the next plot: one at a time, in the place of the pictures, for it takes as long as some of them."""
        slot = self._coming.pop(0)
        trace = VoiceView(self._theme, slot) if is_voice(slot) else SignalView(self._theme, slot)
        trace.set_scale(self._scale)
        self._trace_column.addWidget(trace, 2 if is_voice(slot) else 3)
        self.traces.append(trace)

    def _let_go(self) -> None:
        self._timer.stop()
        if self._reader is not None:
            self._reader.close()
        self._reader, self._layout = None, None
        for view in (*self._views(), *self.traces):
            view.hide()
            view.setParent(None)
            view.deleteLater()
        self.pictures.clear()
        self.participant.let_go()
        self.traces.clear()
        self._coming = []
        self._trace_panel.hide()
        self._head_frame.hide()
        self._empty.show()


def _columns(pictures: int) -> int:
    """Return how many pictures stand side by side: more than three would be too small to judge a face by."""
    return pictures if pictures <= _MOST_ABREAST else 2
