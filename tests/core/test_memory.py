"""All threads of the engine share one heap, which keeps its memory."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

HEAPS = """
import ctypes, os, sys, tempfile, threading
from labcapture.core.memory import share_one_heap

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, (ctypes.c_void_p,)
libc.fopen.restype, libc.fclose.argtypes = ctypes.c_void_p, (ctypes.c_void_p,)
libc.malloc_info.argtypes = ctypes.c_int, ctypes.c_void_p
if sys.argv[1] == "told":
    assert share_one_heap()
ready = threading.Barrier(9)
def work():
    block = libc.malloc(5000)
    ready.wait()
    libc.free(block)
threads = [threading.Thread(target=work) for _ in range(8)]
for thread in threads:
    thread.start()
ready.wait()
for thread in threads:
    thread.join()
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, "info")
    file = libc.fopen(path.encode(), b"w")
    libc.malloc_info(0, file)
    libc.fclose(file)
    print(open(path).read().count("<heap nr="))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")
@pytest.mark.parametrize("how", ["told", "untold"])
def test_all_threads_share_one_heap(how: str) -> None:
    done = subprocess.run([sys.executable, "-c", HEAPS, how], capture_output=True, text=True, check=True)
    heaps = int(done.stdout)
    assert heaps == 1 if how == "told" else heaps > 1


FAULTS = """
import ctypes, resource, sys
from labcapture.core.memory import share_one_heap

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, (ctypes.c_void_p,)
if sys.argv[1] == "told":
    assert share_one_heap()
for turn in range(20):
    if turn == 10:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    blocks = [libc.malloc(3_000_000) for _ in range(8)]
    for block in blocks:
        ctypes.memset(block, 1, 3_000_000)
    for block in blocks:
        libc.free(block)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")
@pytest.mark.parametrize("how", ["told", "untold"])
def test_pages_of_pictures_are_used_again(how: str) -> None:
    done = subprocess.run([sys.executable, "-c", FAULTS, how], capture_output=True, text=True, check=True)
    pages = 10 * 8 * 3_000_000 // 4096
    assert int(done.stdout) < pages / 100 if how == "told" else int(done.stdout) > pages / 10
