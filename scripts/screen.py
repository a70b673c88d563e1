"""A screen of a known size for what opens windows without anybody looking."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def screen(size: tuple[int, int]) -> Iterator[None]:
    """Give Qt a screen of at least ``size``, a virtual one on Linux."""
    if not sys.platform.startswith("linux"):
        yield
        return
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{size[0]}x{size[1]}x24", "-nolisten", "tcp"]
    before = os.environ.get("DISPLAY")
    with subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL) as server:
        os.close(write)
        try:
            with os.fdopen(read) as answer:
                os.environ["DISPLAY"] = f":{answer.readline().strip()}"
            yield
        finally:
            os.environ.pop("DISPLAY", None)
            if before is not None:
                os.environ["DISPLAY"] = before
            server.terminate()  # else leaving the block would wait for it for ever
