"""How the C library hands out memory, where that can be told."""

from __future__ import annotations

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # of glibc's malloc.h
_KEPT_BYTES = 256 << 20  # free at the heap's end; some seconds of pictures
_LARGE_BYTES = 32 << 20  # the most that glibc takes; no picture is as large


def share_one_heap() -> bool:
    """Have all threads take their memory from one heap and keep it there; return whether they will.

    To be called before any begins.

    glibc would give each thread a heap of its own. Pictures are made in one thread, encoded in others and freed in yet
    others: each heap then keeps holes that no other can use, and memory grows for as long as a session lasts. What
    was given back to the system is asked from it again a picture later, page by page, which takes a tenth of the time
    of encoding. Other C libraries are left as they are.
    """
    if sys.platform != "linux":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # not glibc
        return False
    told = ((_M_ARENA_MAX, 1), (_M_TRIM_THRESHOLD, _KEPT_BYTES), (_M_MMAP_THRESHOLD, _LARGE_BYTES))
    return all([mallopt(what, value) for what, value in told])  # noqa: C419 - each is to be told
