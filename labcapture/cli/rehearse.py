"""``labcapture rehearse``: records for a while, verifies the recording, throws it away."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console

from labcapture.devices.rig import load_rig
from labcapture.engine.check_messages import Rehearse
from labcapture.engine.preflight_rows import Report
from labcapture.engine.rehearsal import rehearse


def rehearse_rig(rig: Path, protocol: Path | None, out: Path, seconds: float, terminal: Console) -> Report:
    """Rehearse, telling on ``terminal`` what is being done; Ctrl-C ends it, and nothing stays.

    Raises
    ------
    BadInput
        The rig file is wrong, or nothing can be written.
    """
    described = load_rig(rig)
    command = Rehearse(rig=str(rig), protocol=str(protocol) if protocol else None, out=str(out), seconds=seconds)
    with terminal.status("rehearsal") as status:
        rows = rehearse(command, lambda what, share: status.update(f"{what} ({share:.0%})"))
    return Report(
        rig=described.name,
        protocol=protocol.stem if protocol else "",
        simulated=described.is_simulated,
        seconds=seconds,
        rows=rows,
    )
