"""``python -m labcapture.engine --connection FILE``: run an engine until it is told to end."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from labcapture.core.memory import share_one_heap
from labcapture.core.precedence import ENGINE, take_precedence
from labcapture.engine.connection import new_path
from labcapture.engine.server import Server


def main() -> None:
    """Start the engine; its connection file appears when it listens."""
    parser = argparse.ArgumentParser(prog="labcapture.engine")
    parser.add_argument("--connection", type=Path, default=None, help="where to write the connection file")
    path = parser.parse_args().connection or new_path()
    os.umask(0o027)  # what a session holds is for its owner, and for their group to read
    take_precedence(ENGINE)
    share_one_heap()
    Server(path).serve()


if __name__ == "__main__":
    main()
