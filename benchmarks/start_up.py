"""``hdf list-plugins`` against importing the libraries that any such command needs."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from benchmarks.timing import alternate, ratio

ROUNDS = 15


def rows() -> Iterator[tuple[str, str]]:
    """Whole processes, by wall time."""
    hdf = Path(sys.executable).with_name("hdf")
    ours, theirs = alternate(
        _process(str(hdf), "list-plugins"),
        _process(sys.executable, "-c", "import pluggy, rich.table, yaml"),
        ROUNDS,
    )
    yield "seconds, hdf list-plugins / import pluggy, rich.table, yaml", ratio(ours, theirs)
    yield "milliseconds, hdf list-plugins", f"{1000 * median(ours):.0f}"


def _process(*command: str) -> Callable[[], object]:
    return lambda: subprocess.run(command, check=True, capture_output=True)
