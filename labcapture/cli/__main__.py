"""``python -m labcapture.cli``: the same as ``labcapture``."""

from labcapture.cli import main

main()
