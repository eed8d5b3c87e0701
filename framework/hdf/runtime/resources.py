"""Memory and cores that this process may use."""

from __future__ import annotations

import ctypes
import os
import resource
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import torch

PORTION = 4
"""Images may take a quarter of the free memory."""

TREE = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")
MEMORY = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)
"""Of both versions: limit, usage, and the part of it that is cached files, which is given back."""

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4  # malloc.h
TOP_PAD = 256 * 2**20
USERS_OWN = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_MAX_", "MALLOC_TOP_PAD_", "GLIBC_TUNABLES")


def fits(count: int, device: torch.device) -> bool:
    """Whether `count` bytes of images may stay in the memory of `device` for a whole run."""
    return count * PORTION <= available_bytes(device)


def available_bytes(device: torch.device) -> int:
    """Free memory of the device; for a processor what the system and its cgroup leave."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    total, free = system_memory()
    return total // 2 if free is None else free


def system_memory() -> tuple[int, int | None]:
    """All memory and what is free of it, in bytes; less where a control group has a limit.

    None stands for what only Linux tells.
    """
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"), None
    found = {line.split(":")[0]: 1024 * int(line.split()[1]) for line in lines}
    total, free = found["MemTotal"], found.get("MemAvailable", found["MemFree"])
    group = _group_memory()
    return (min(total, group[0]), min(free, group[1])) if group else (total, free)


def cores() -> int:
    """Cores that this process may use, by its affinity and the quota of its control group."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(allowed or 1, _group_cores() or sys.maxsize))


def _group_memory() -> tuple[int, int] | None:
    """The limit, and what is left of it, in bytes; None where there is no limit."""
    limits, left = [], []
    for folder in _groups("memory"):
        for *names, cached in MEMORY:
            values = [_text(folder / name) for name in names]
            if all(map(str.isdecimal, values)):  # not "max"
                limit, used = map(int, values)
                fields = dict(line.split() for line in _text(folder / "memory.stat").splitlines())
                limits.append(limit)
                left.append(max(0, limit - used + int(fields.get(cached, 0))))
    return (min(limits), min(left)) if limits else None


@cache
def _group_cores() -> int | None:
    """How many processors' time the quota allows, rounded up; None where there is no quota."""
    found = []
    for folder in _groups("cpu"):
        older = [_text(folder / f"cpu.cfs_{name}_us") for name in ("quota", "period")]
        parts = _text(folder / "cpu.max").split() or older
        if len(parts) == 2 and all(map(str.isdecimal, parts)):
            found.append(-(-int(parts[0]) // int(parts[1])))
    return min(found, default=None)


def _groups(controller: str) -> Iterator[Path]:
    """The folders of this process's group and of those above it, in both versions' trees."""
    for line in _text(OWN).splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers or controller in controllers.split(","):
            top = TREE / controller if controllers else TREE
            own = top / path.lstrip("/")
            yield from (folder for folder in (own, *own.parents) if folder.is_relative_to(top))


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


def keep_freed_memory() -> bool:
    """Let glibc reuse large blocks until the process ends; returns whether it takes the settings.

    By default each activation of a training step is mapped, faulted in page by page and unmapped
    again. On a virtual machine that costs more than the arithmetic: see docs/decisions/0010.

    Does nothing where another C library or allocator is used, or one of `USERS_OWN` is set.
    """
    preloaded = os.environ.get("LD_PRELOAD")
    if sys.platform != "linux" or preloaded or not os.environ.keys().isdisjoint(USERS_OWN):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    settings = {M_MMAP_MAX: 0, M_TRIM_THRESHOLD: 2**31 - 1, M_TOP_PAD: TOP_PAD}
    return {mallopt(*setting) for setting in settings.items()} == {1}


def peak_mib() -> int:
    """The largest resident size so far of this process or of one of its children, in MiB."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    peak = max(resource.getrusage(kind).ru_maxrss for kind in kinds)
    return peak // (2**20 if sys.platform == "darwin" else 2**10)
