"""How the C library hands out memory, where that can be told."""

from __future__ import annotations

import ctypes
import sys

_M_ARENA_MAX = -8  # of glibc's malloc.h


def share_one_heap() -> bool:
    """Have all threads take their memory from one heap; return whether they will. To be called before any begins.

    glibc would give each thread a heap of its own. Pictures are made in one thread, encoded in others and freed in yet
    others: each heap then keeps holes that no other can use, and memory grows for as long as a session lasts. Taking
    large blocks from the system one by one would be smaller still, but costs a fifth of a core at full rate. Other C
    libraries are left as they are.
    """
    if sys.platform != "linux":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):  # not glibc
        return False
    return bool(mallopt(_M_ARENA_MAX, 1))
