"""Precedence over other programs, where the system grants it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from labcapture.core.precedence import ENGINE, STAGE


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root may take precedence everywhere")
def test_precedence_is_taken_where_it_may_be_and_never_fails() -> None:
    imports = "import os, resource; from labcapture.core.precedence import ENGINE, STAGE, niceness, take_precedence"
    less = "resource.setrlimit(resource.RLIMIT_NICE, (0, 0)); os.setuid(65534)"

    def nice_after(*lines: str) -> list[int]:
        code = "; ".join(
            [imports, *lines, *(f"take_precedence({who}); print(niceness())" for who in ("ENGINE", "STAGE"))]
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        return [int(line) for line in done.stdout.split()]

    ours = os.getpriority(os.PRIO_PROCESS, 0)
    assert nice_after() in ([ENGINE, STAGE], [ours, ours])  # a container's root may not have the right either
    assert nice_after(less) == [ours, ours]  # who has no right to it stays as they are
