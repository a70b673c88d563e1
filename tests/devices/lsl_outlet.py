"""An LSL outlet in a process of its own, for tests: ``python lsl_outlet.py SOURCE_ID RATE_HZ CHANNELS``.

Channel 0 counts the samples, channel 1 repeats the stamp, channel 2 is this machine's true monotonic time, asked of the
kernel itself, so that a library that lends this process another clock has no say in it. It ends with its standard
input: a program that runs it under another clock may not pass a signal on.
"""

from __future__ import annotations

import ctypes
import os
import platform
import sys
import threading
import time

import numpy as np
import pylsl

_SYS_CLOCK_GETTIME = 228  # x86-64
_CLOCK_MONOTONIC = 1


def kernel_time() -> float:
    """Return CLOCK_MONOTONIC in seconds, NaN where the system call has another number."""
    if not sys.platform.startswith("linux") or platform.machine() != "x86_64":
        return float("nan")
    spec = (ctypes.c_long * 2)()
    ctypes.CDLL(None).syscall(_SYS_CLOCK_GETTIME, _CLOCK_MONOTONIC, spec)
    return spec[0] + spec[1] * 1e-9


def main(source_id: str, rate_hz: float, channels: int) -> None:
    """Push for ever."""
    info = pylsl.StreamInfo("Counter", "Test", channels, rate_hz, pylsl.cf_double64, source_id)
    outlet = pylsl.StreamOutlet(info)
    count = 0
    start = time.monotonic()
    while True:
        sample = np.full(channels, float(count))
        sample[2] = kernel_time()
        sample[1] = stamp = pylsl.local_clock()
        outlet.push_sample(sample, stamp)
        count += 1
        time.sleep(max(0.0, start + count / rate_hz - time.monotonic()))


def end_with_input() -> None:
    """Wait for the end of standard input, and end."""
    sys.stdin.buffer.read()
    os._exit(0)


if __name__ == "__main__":
    threading.Thread(target=end_with_input, daemon=True).start()
    main(sys.argv[1], float(sys.argv[2]), int(sys.argv[3]))
