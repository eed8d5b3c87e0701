"""Keeping freed memory, so that no training step pays for the same pages twice."""

from __future__ import annotations

import ctypes
import os
import sys

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4  # malloc.h
TOP_PAD = 256 * 2**20
USERS_OWN = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_MAX_", "MALLOC_TOP_PAD_", "GLIBC_TUNABLES")


def keep_freed_memory() -> bool:
    """Let glibc reuse large blocks instead of handing them back to the kernel.

    By default each activation of a training step is mapped, faulted in page by page and unmapped
    again. On a virtual machine that costs more than the arithmetic: see docs/decisions/0010.
    The peak stays what the largest step needs; it is only given back at the end of the process.

    Does nothing where there is another C library, where another allocator is preloaded, or where
    the user has set one of `USERS_OWN`.

    Returns:
        Whether the C library took the settings.
    """
    preloaded = os.environ.get("LD_PRELOAD")
    if sys.platform != "linux" or preloaded or any(name in os.environ for name in USERS_OWN):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    settings = ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, 2**31 - 1), (M_TOP_PAD, TOP_PAD))
    taken = [mallopt(name, value) for name, value in settings]
    return all(answer == 1 for answer in taken)


def peak_mib() -> int | None:
    """The largest resident size so far of this process or of one of its children, in MiB."""
    if sys.platform == "win32":
        return None
    import resource

    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    peak = max(resource.getrusage(kind).ru_maxrss for kind in kinds)
    return peak // (2**20 if sys.platform == "darwin" else 2**10)
