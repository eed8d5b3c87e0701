"""Memory and cores that this process may use."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import torch

PORTION = 4
"""Images may take one part in so many of the memory that is free."""

SUPPOSED = 8 * 2**30
"""Bytes of memory where the system does not tell."""

TREE = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")
MEMORY = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)
"""Of the second version and of the first: limit, usage, and the usage's files that are given back
before anything else has to go."""

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
    return (total or SUPPOSED) // 2 if free is None else free


def system_memory() -> tuple[int | None, int | None]:
    """All memory and what is free of it, in bytes; less where a control group has a limit.

    None stands for what the system does not tell.
    """
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:  # not Linux
        names = os.sysconf_names if hasattr(os, "sysconf_names") else {}
        known = {"SC_PHYS_PAGES", "SC_PAGE_SIZE"} <= names.keys()
        return (os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if known else None), None
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
    found = [
        (limit, max(0, limit - used + _fields(folder / "memory.stat").get(cache, 0)))
        for folder in _groups("memory")
        for names in MEMORY
        for limit, used, cache in _limits(folder, *names)
    ]
    return (min(limit for limit, _ in found), min(left for _, left in found)) if found else None


@cache
def _group_cores() -> int | None:
    """How many processors' time the quota allows, rounded up; None where there is no quota."""
    found = []
    for folder in _groups("cpu"):
        whole = _text(folder / "cpu.max").split()
        parts = whole or [_text(folder / f"cpu.cfs_{name}_us") for name in ("quota", "period")]
        if len(parts) == 2 and all(map(str.isdecimal, parts)):
            found.append(-(-int(parts[0]) // int(parts[1])))
    return min(found, default=None)


def _groups(controller: str) -> Iterator[Path]:
    """The folders of this process's group and of those above it, in the trees of both versions."""
    for line in _text(OWN).splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers or controller in controllers.split(","):
            top = TREE / controller if controllers else TREE
            own = top / path.lstrip("/")
            yield from (folder for folder in (own, *own.parents) if folder.is_relative_to(top))


def _limits(folder: Path, limit: str, used: str, cache: str) -> Iterator[tuple[int, int, str]]:
    values = [_text(folder / name) for name in (limit, used)]
    if all(map(str.isdecimal, values)):  # not "max"
        yield int(values[0]), int(values[1]), cache


def _fields(file: Path) -> dict[str, int]:
    pairs = [line.split() for line in _text(file).splitlines()]
    return {name: int(value) for name, value in pairs}


def _text(file: Path) -> str:
    """What a file holds; empty where it can't be read."""
    try:
        return file.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        return ""


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
