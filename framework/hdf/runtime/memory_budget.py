"""Whether a store's images fit into memory."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from hdf.runtime import cgroup

PORTION = 4
"""Images may take one part in so many of the memory that is free."""

SUPPOSED = 8 * 2**30
"""Bytes of memory where the system does not tell."""


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
    group = cgroup.memory()
    return (min(total, group[0]), min(free, group[1])) if group else (total, free)
