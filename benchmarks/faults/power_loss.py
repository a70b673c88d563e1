"""The machine loses power: of what was written since the last fsync, each page of 4 KiB survives or not, by chance.

A model: file names survive, and what was made safe (`fsync`) is on the disk. A disk that lies about that is another
matter.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from benchmarks.faults import victim
from benchmarks.faults.cell import Row
from benchmarks.faults.rig import expect
from benchmarks.faults.tries import Outcome, repeat
from labcapture.recording.recover import recover

PAGE = 4096
EXPECTED = (
    "every frame and row that was safe on the disk (fsync, once a second) is recovered, indices proven from pixels; "
    "verify passes; what the crash left is unchanged"
)


def lose_power(folder: Path, synced: Path, chance: np.random.Generator) -> None:
    """Turn the files below ``folder`` into what a loss of power may leave of them.

    Parameters
    ----------
    folder
        A session whose recorder ended abruptly: all that was written.
    synced
        The same files as they were at the last fsync of each; one that is not there was never made safe.
    chance
        Decides.
    """
    for path in sorted(file for file in folder.rglob("*") if file.is_file()):
        safe = synced / path.relative_to(folder)
        path.write_bytes(_after(path.read_bytes(), safe.read_bytes() if safe.is_file() else b"", chance))


def _after(written: bytes, safe: bytes, chance: np.random.Generator) -> bytes:
    share = chance.random()  # how much of it the system had written back already
    pages: list[bytes] = []
    end = len(safe)
    for start in range(0, max(len(written), len(safe)), PAGE):
        new, old = written[start : start + PAGE], safe[start : start + PAGE]
        survives = new != old and chance.random() < share
        if survives and new:
            end = max(end, start + len(new))
        pages.append((new if survives else old).ljust(PAGE, b"\0"))
    return b"".join(pages)[:end]


def run(tries: int, seed: int) -> list[Row]:
    """Lose power at random times while a recorder writes."""
    return [repeat("power lost (model)", EXPECTED, tries, seed, _attempt)]


def _attempt(folder: Path, seed: int) -> Outcome:
    chance = np.random.default_rng(seed)
    out, shadow = folder / "out", folder / "shadow"
    session = victim.crash(out, chance.uniform(0.2, victim.SECONDS + 0.3), shadow)
    synced = shadow / session.relative_to(out)
    promised = victim.journalled(synced)
    written = sum(map(len, victim.journalled(session).frames.values()))
    lose_power(session, synced, chance)
    before = victim.fingerprints(session)
    result = recover(session)
    frames = victim.prove(session, promised, before, result)
    safe = sum(map(len, promised.frames.values()))
    expect(frames >= safe, f"{frames} frames, {safe} were safe")
    expect(frames <= written, f"{frames} frames, only {written} were written")
    return Outcome("nothing that was safe; some of what had come since, one second at most")
