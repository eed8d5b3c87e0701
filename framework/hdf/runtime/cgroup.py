"""What Linux's control groups leave to this process, as in a container or a job of a cluster.

Source: docs.kernel.org/admin-guide/cgroup-v2 and docs.kernel.org/admin-guide/cgroup-v1.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path

TREE = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")
MEMORY = (
    ("memory.max", "memory.current", "inactive_file"),
    ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
)
"""Of the second version and of the first: limit, usage, and the usage's files that are given back
before anything else has to go."""


def memory() -> tuple[int, int] | None:
    """The limit, and what is left of it, in bytes; None where there is no limit."""
    found = [
        (limit, max(0, limit - used + _fields(folder / "memory.stat").get(cache, 0)))
        for folder in _groups("memory")
        for names in MEMORY
        for limit, used, cache in _limits(folder, *names)
    ]
    return (min(limit for limit, _ in found), min(left for _, left in found)) if found else None


@cache
def processors() -> int | None:
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
