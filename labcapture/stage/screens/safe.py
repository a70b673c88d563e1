"""Nothing for the participant to see: what happens now is the experimenter's."""

from __future__ import annotations

from labcapture.stage.screens.base import Waiting


class SafeScreen(Waiting):
    """A grey screen, until the engine goes on: for notes and for values that a person enters."""
