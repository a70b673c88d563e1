"""How a session looks in a snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from labcapture.core.clock import lsl_time
from labcapture.engine.messages import Prepare, StepView
from labcapture.engine.opening import Opened
from labcapture.protocol.events import StepStatus
from labcapture.recording.quality import TrialVerdict
from labcapture.recording.status import RecorderStatus


def step_view(step: StepStatus, verdicts: Mapping[str, TrialVerdict]) -> StepView:
    """Return a step with the verdict on its trial."""
    judged = verdicts.get(step.trial) if step.trial else None
    verdict: Literal["annotatable", "not annotatable"] | None = None
    if judged is not None:
        verdict = "annotatable" if judged.annotatable else "not annotatable"
    return StepView(
        id=step.id,
        kind=step.kind,
        title=step.title,
        state=step.state,
        trial=step.trial,
        verdict=verdict,
        reason="; ".join(filter(None, [step.reason, *(judged.reasons if judged else ())])),
        expected_s=step.expected_s,
    )


def rig_view(opened: Opened, status: RecorderStatus) -> dict[str, Any]:
    """Return what a snapshot says of a session's files, instruments and recorder."""
    plan, monitors, clocks = opened.plan, opened.intake.monitors, opened.intake.clocks.by_stream
    ledger, skipped, now = plan.protocol.ledger, opened.previewer.skipped, lsl_time()
    return {
        **naming(opened.command),
        "alarms": opened.alarms.view(),
        "simulated": opened.simulated,
        "protocol": plan.protocol.name,
        "paradigm": plan.protocol.paradigm,
        "rig": plan.rig.name,
        "folder": str(opened.folder),
        "currency": ledger.currency if ledger else "",
        "ledger_mark": ledger.mark if ledger else "",
        "streams": tuple(
            monitor.view(now, status.recorded.get(name, 0), skipped[name], clocks.get(name))
            for name, monitor in monitors.items()
        ),
        "queue_bytes": status.queue_bytes,
        "queue_limit_bytes": status.queue_limit_bytes,
        "encode_backlog": status.encode_backlog,
        "raw_frames": status.raw_frames,
        "written_bytes": status.written_bytes,
        "sync_age_s": status.sync_age_s,
        "preview": opened.previewer.board.layout,
    }


def naming(command: Prepare) -> dict[str, Any]:
    """Return what a snapshot says of a session from the moment it is asked for."""
    return {"participant": command.participant, "session": command.session, "autopilot": command.autopilot}
