"""What preflight tells: one row per question, each with its reading, its limit and how to mend it."""

from __future__ import annotations

from typing import Literal, cast

from pydantic import Field

from labcapture.core.config import Model

Verdict = Literal["ok", "warn", "fail"]


class Row(Model):
    """The answer to one question."""

    group: str = Field(description="Device, network, stage, films, disk or machine")
    name: str
    verdict: Verdict
    reading: str
    limit: str = ""
    mend: str = Field(default="", description="Empty where all is well")


class Report(Model):
    """The whole of a preflight."""

    rig: str
    protocol: str = ""
    simulated: bool = False
    seconds: float = Field(description="For how long every stream was measured")
    rows: tuple[Row, ...]

    @property
    def failed(self) -> tuple[Row, ...]:
        """Rows for which a session must not begin."""
        return tuple(row for row in self.rows if row.verdict == "fail")

    @property
    def go(self) -> bool:
        """Whether a session may begin."""
        return not self.failed


def row(group: str, name: str, well: bool | str, reading: str, limit: str = "", mend: str = "") -> Row:
    """Return a row; ``well``: yes or no, or the verdict itself. What is well needs no mending."""
    verdict = cast(Verdict, well if isinstance(well, str) else "ok" if well else "fail")  # the model checks it
    return Row(
        group=group,
        name=name,
        verdict=verdict,
        reading=reading,
        limit=limit,
        mend=mend if verdict != "ok" else "",
    )
