"""How a session looks in a snapshot."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from labcapture.engine.messages import Prepare, StepView
from labcapture.protocol.events import StepStatus
from labcapture.recording.quality import TrialVerdict


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


def naming(command: Prepare) -> dict[str, Any]:
    """Return what a snapshot says of a session from the moment it is asked for."""
    return {"participant": command.participant, "session": command.session, "autopilot": command.autopilot}
