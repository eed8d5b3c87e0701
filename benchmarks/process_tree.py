"""What a process and all of its descendants use, from Linux's ``/proc``."""

from __future__ import annotations

import os
import resource
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

INTERVAL = 0.1


@dataclass(frozen=True)
class Usage:
    """What a command used, its descendants included.

    Attributes:
        seconds: wall time.
        cpu: seconds of processors.
        idle: seconds that the machine's processors had nothing to do meanwhile.
        pss: the peak of the summed memory in bytes, a page that several processes share counted
            once.
        rss: the same with shared pages counted for each of them.
    """

    seconds: float
    cpu: float
    idle: float
    pss: int
    rss: int


def measured(command: Sequence[str]) -> Usage:
    """Run a command to its end, looking at its memory ten times a second.

    Raises:
        RuntimeError: it failed; with what it said.
    """
    began, cpu, idle = time.perf_counter(), _children_cpu(), _idle()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    pss = rss = 0
    while process.poll() is None:
        sizes = [_memory(number) for number in descendants(process.pid)]
        pss = max(pss, sum(size for size, _ in sizes))
        rss = max(rss, sum(size for _, size in sizes))
        time.sleep(INTERVAL)
    told, _ = process.communicate()
    if process.returncode:
        raise RuntimeError(told.decode())
    seconds = time.perf_counter() - began
    return Usage(seconds, _children_cpu() - cpu, _idle() - idle, pss, rss)


def descendants(root: int) -> Iterator[int]:
    """The process itself and all that it started, as far as they run."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            parents[int(entry.name)] = _parent(entry)
    waiting = [root]
    while waiting:
        yield (number := waiting.pop())
        waiting += (child for child, parent in parents.items() if parent == number)


def _parent(process: Path) -> int:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except OSError:  # it has ended
        return -1


def _memory(process: int) -> tuple[int, int]:
    """(PSS, RSS) in bytes."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0, 0
    sizes = {key: int(rest[0]) * 2**10 for key, *rest in map(str.split, lines[1:])}
    return sizes["Pss:"], sizes["Rss:"]


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _idle() -> float:
    ticks = Path("/proc/stat").read_text().split(maxsplit=6)[4]
    return int(ticks) / os.sysconf("SC_CLK_TCK")
