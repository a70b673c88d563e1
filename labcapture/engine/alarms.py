"""What the operator must know: raised once, kept with its time, cleared when the cause is gone."""

from __future__ import annotations

import threading

from labcapture.core.clock import lsl_time
from labcapture.engine.log import SessionLog
from labcapture.engine.messages import Alarm


class Alarms:
    """The alarms of one session, by source and kind; any thread may raise one."""

    def __init__(self, log: SessionLog) -> None:
        self._log = log
        self._lock = threading.Lock()
        self._alarms: dict[tuple[str, str], Alarm] = {}

    def set(self, source: str, kind: str, active: bool, cause: str = "", remedy: str = "") -> None:
        """Raise the alarm ``kind`` of ``source``, or clear it; repeating either changes nothing but the words."""
        key = (source, kind)
        with self._lock:
            known = self._alarms.get(key)
            was_active = known is not None and known.active
            if active:
                time = known.time if known and known.active else lsl_time()
                self._alarms[key] = Alarm(time=time, cause=cause, remedy=remedy, source=source, kind=kind)
            elif known is not None:
                self._alarms[key] = known.model_copy(update={"active": False})
        if active and not was_active:
            self._log.warning("alarm", source=source, kind=kind, cause=cause, remedy=remedy)
        elif was_active and not active:
            self._log.info("alarm cleared", source=source, kind=kind)

    def view(self) -> tuple[Alarm, ...]:
        """Return all alarms of the session, oldest first."""
        with self._lock:
            return tuple(sorted(self._alarms.values(), key=lambda alarm: alarm.time))
