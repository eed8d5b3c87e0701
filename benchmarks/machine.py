"""What a measurement ran on; nothing that names a person, a machine or a path."""

from __future__ import annotations

import os
import platform
from importlib.metadata import version
from pathlib import Path

from hdf.runtime.resources import cores

SETS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "amx_bf16", "asimd", "bf16")
"""The instruction sets that decide how fast a network computes."""


def describe() -> str:
    """Processor, cores, instruction sets, memory, Python and torch in one line."""
    facts = _facts(Path("/proc/cpuinfo"))
    model = facts.get("model name") or platform.processor() or platform.machine()
    there = (facts.get("flags") or facts.get("Features", "")).split()
    sets = ", ".join(name for name in SETS if name in there) or "unknown"
    return (
        f"{model}, {cores()} cores, instruction sets {sets}, {_memory()}; "
        f"Python {platform.python_version()}, torch {version('torch')}"
    )


def _facts(cpuinfo: Path) -> dict[str, str]:
    try:
        lines = cpuinfo.read_text(encoding="utf-8").splitlines()
    except OSError:  # not Linux
        return {}
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in lines)}


def _memory() -> str:
    count = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return f"{count / 2**30:.0f} GiB of memory"
