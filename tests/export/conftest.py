"""A recorded session for every export."""

from __future__ import annotations

from tests.reading.conftest import copied, recorded

__all__ = ["copied", "recorded"]
