"""Where the chunks of all devices come in: counted, checked for gaps, handed to the recorder and to the previews."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from labcapture.core.chunks import AudioBlock, Chunk, ClockOffset, Frame, Gap, Samples, StreamSpec
from labcapture.engine.clocks import LiveClocks
from labcapture.engine.health import StreamMonitor
from labcapture.engine.loop_tap import LoopTap
from labcapture.engine.previewer import Previewer
from labcapture.engine.sound_tap import SoundTap
from labcapture.recording.quality import GapTracker
from labcapture.recording.recorder import Recorder


class Intake:
    """Passes chunks on, one way. Each stream's chunks come from one thread at a time."""

    def __init__(self, streams: Sequence[StreamSpec], previewer: Previewer) -> None:
        self.monitors = {spec.name: StreamMonitor(spec) for spec in streams}
        self.clocks = LiveClocks(streams)
        self.recorder: Recorder | None = None  # set once every stream has delivered
        self.loop: LoopTap | None = None  # set before anything flows
        self.sound: SoundTap | None = None  # the same
        self.head: Callable[[Frame], None] | None = None  # whoever looks at the head, while somebody does
        self._early: dict[str, ClockOffset] = {}  # newest measurement of each sender's clock before there is a recorder
        self._previewer = previewer
        self._trackers = {spec.name: GapTracker(spec) for spec in streams if spec.kind == "frames"}

    def emit(self, chunk: Chunk) -> None:
        """Take a chunk from a device's thread (`labcapture.devices.base.Emit`)."""
        monitor = self.monitors[chunk.stream]
        if isinstance(chunk, Gap):
            self._gap(chunk)
            return
        if isinstance(chunk, ClockOffset):
            monitor.offset(chunk)
            self._record(chunk)
            return
        if isinstance(chunk, Frame):
            gap = self._trackers[chunk.stream].update(chunk)
            if gap is not None:
                self._gap(gap)
        monitor.data(chunk, self._record(chunk))
        if not isinstance(chunk, Samples):
            self.clocks.note(chunk)
        if self.loop is not None:
            self.loop.note(chunk)
        watcher = self.head  # may be taken away by another thread
        if watcher is not None and isinstance(chunk, Frame):
            watcher(chunk)
        if self.sound is not None and isinstance(chunk, AudioBlock) and chunk.stream == self.sound.stream:
            self.sound.note(chunk)
        self._previewer.offer(chunk, monitor.clock_offset)

    def _gap(self, gap: Gap) -> None:
        self.monitors[gap.stream].gap(gap)
        self._record(gap)

    def _record(self, chunk: Chunk) -> bool:
        if self.recorder is None:
            if isinstance(chunk, ClockOffset):
                self._early[chunk.stream] = chunk
            return True
        early = self._early.pop(chunk.stream, None)  # the next one is some seconds away, and may be another outlet's
        if early is not None:
            self.recorder.offer(early)
        return self.recorder.offer(chunk)
