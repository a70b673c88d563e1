"""The engine's watch over streams, recorder and disk: alarms while there is a cause, and previews that give way first.

When more is to be done than this machine can do, things give way in this order: previews are shown less often, then
pictures are stored raw instead of encoded, and only when the queue is full are pictures lost. Each is told.
"""

from __future__ import annotations

import math
import shutil
import time
from collections.abc import Mapping
from pathlib import Path

from labcapture.core.clock import lsl_time
from labcapture.engine.alarms import Alarms
from labcapture.engine.health import DiskForecast, StreamMonitor
from labcapture.engine.previewer import Previewer
from labcapture.recording.recorder import Recorder
from labcapture.recording.status import RecorderStatus

QUEUE_SHARES = (1 / 16, 1 / 8)
"""Of the recorder's queue: above them previews are slowed, then nearly stopped. At a quarter pictures stay raw."""
FRAMES_WAITING = (8, 20)
"""The same for pictures that wait in the camera's driver."""
CALM_S = 3.0
"""Previews are sped up by a step, and the alarm of pressure is over, when there was no need for so long."""
LOSS_S = 10.0
"""A loss is an alarm for so long after the last of it; its count stays in the figures."""
SYNC_LATE_S = 1.5
"""The recorder has the disk hold everything once a second; a disk that has not for so long does not keep up."""
_SLOW_DISK_SHARE = 1 / 2
_DISK_PERIOD_S = 0.5


class Pressure:
    """0: none; 1, 2: previews have to give way. Rises at once, falls step by step."""

    def __init__(self) -> None:
        self.level = 0
        self._since = -math.inf  # when the present level was last needed

    def update(self, now: float, queue_share: float, frames_waiting: int) -> int:
        """Return the level at ``now`` (s, any clock) with so much of the recorder's and the driver's queues in use."""
        over_queue = sum(queue_share > share for share in QUEUE_SHARES)
        needed = max(over_queue, sum(frames_waiting > frames for frames in FRAMES_WAITING))
        if needed >= self.level:
            self.level, self._since = needed, now
        elif now - self._since > CALM_S:
            self.level, self._since = self.level - 1, now
        return self.level


class Growth:
    """A count that should not grow: whether it has lately."""

    def __init__(self, hold_s: float) -> None:
        self._hold_s = hold_s
        self._count = 0
        self._grown = -math.inf

    def update(self, now: float, count: int) -> bool:
        """Return whether ``count`` grew within the last ``hold_s`` before ``now``."""
        if count > self._count:
            self._count, self._grown = count, now
        return now - self._grown <= self._hold_s


class Watch:
    """Raises and clears the alarms of what is recorded. `look` is to be called some 50 times a second.

    Parameters
    ----------
    alarms, monitors, recorder, previewer
        Of the session.
    out
        Any folder on the disk that is written to.
    """

    def __init__(
        self,
        alarms: Alarms,
        monitors: Mapping[str, StreamMonitor],
        recorder: Recorder,
        previewer: Previewer,
        out: Path,
    ) -> None:
        self._alarms, self._monitors, self._recorder, self._previewer = alarms, monitors, recorder, previewer
        self._out = out
        self._pressure = Pressure()
        self._raw = Growth(CALM_S)
        self._losses = {name: Growth(LOSS_S) for name in monitors}
        self._forecast = DiskForecast(monitor.spec for monitor in monitors.values())
        self._disk_due = 0.0
        self.disk_free_bytes: int | None = None
        self.disk_minutes: float | None = None
        """Minutes of recording that the disk still holds."""

    def look(self, trial: str | None, clips_left_s: float) -> RecorderStatus:
        """Look at everything; ``clips_left_s`` is how long pictures are still to be recorded. Return the recorder's."""
        now, status = time.monotonic(), self._recorder.status()
        self._look_at_streams(now, status)
        self._look_at_recorder(now, status)
        if now >= self._disk_due:
            self._disk_due = now + _DISK_PERIOD_S
            self._look_at_disk(now, status, trial, clips_left_s)
        return status

    def _look_at_streams(self, now: float, status: RecorderStatus) -> None:
        moment = lsl_time()
        for name, monitor in self._monitors.items():
            cause = f"{name} delivers nothing"
            self._alarms.set(name, "silent", monitor.silent(moment), cause, "Check its cable and power.")
            lost = monitor.lost_by_us
            unit = "frames" if monitor.spec.kind == "frames" else "samples"
            refused = status.lost.get(name, 0)
            how = f"{lost - refused} not fetched in time, {refused} not written"
            cause = f"{lost} {unit} of {name} lost by us in this session ({how})"
            remedy = "Close other programs, then redo the clip."
            self._alarms.set(name, "lost by us", self._losses[name].update(now, lost), cause, remedy)

    def _look_at_recorder(self, now: float, status: RecorderStatus) -> None:
        if status.error:
            self._alarms.set("recorder", "error", True, status.error, "Abort; what was written is kept.")
        share = status.queue_bytes / status.queue_limit_bytes
        level = self._pressure.update(now, share, max(m.frames_waiting for m in self._monitors.values()))
        self._previewer.slow_down(level)
        raw = self._raw.update(now, status.raw_frames)
        stored = f"{status.raw_frames} pictures were stored raw" if raw else "previews are slowed"
        cause = f"this machine does not keep up with the recording, {stored}"
        remedy = "Close other programs; nothing is lost, but the files grow." if raw else "Close other programs."
        self._alarms.set("recorder", "pressure", raw or level == len(QUEUE_SHARES), cause, remedy)
        late = status.sync_age_s > SYNC_LATE_S and not status.error
        cause = f"the disk does not keep up, {status.queue_bytes / 1e6:.0f} MB wait to be written"
        remedy = "Stop what else writes to it, or record to a faster disk."
        self._alarms.set("recorder", "slow disk", late or share > _SLOW_DISK_SHARE, cause, remedy)

    def _look_at_disk(self, now: float, status: RecorderStatus, trial: str | None, clips_left_s: float) -> None:
        free = shutil.disk_usage(self._out).free
        minutes = self._forecast.minutes(free, status.written_bytes, trial, now)
        self.disk_free_bytes, self.disk_minutes = free, minutes
        scarce = self._forecast.is_measured and minutes * 60 < clips_left_s
        cause = f"the disk is full after {minutes:.0f} minutes of recording, {clips_left_s / 60:.0f} are still to come"
        self._alarms.set("disk", "scarce", scarce, cause, "Free some space on the disk of the session.")
