"""Whether a store's images fit into memory."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from hdf.runtime import cgroup

PORTION = 4
"""Images may take one part in so many of the memory that is free."""


def fits(count: int, device: torch.device) -> bool:
    """Whether `count` bytes of images may stay in the memory of `device` for a whole run."""
    return count * PORTION <= available_bytes(device)


def available_bytes(device: torch.device) -> int:
    """Free memory of the device; for a processor what the system and its cgroup leave."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    group = cgroup.memory()
    return min(_system_bytes(), group[1]) if group else _system_bytes()


def _system_bytes() -> int:
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 2**10
    except OSError:  # not Linux
        pass
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    except (AttributeError, ValueError, OSError):
        return 4 * 2**30
