"""What the stage must know before it can speak: where the engine listens, the keys, and how to look."""

from __future__ import annotations

from labcapture.core.config import Model
from labcapture.devices.rig import StageSettings


class Connection(Model):
    """Handed over as one line of JSON on standard input; neither arguments nor environment, which others can read."""

    endpoint: str
    engine_public: str
    stage_public: str
    stage_secret: str
    settings: StageSettings
    language: str
    autopilot: int | None
    speed: float = 1.0
