"""``hdf list-plugins`` against importing the libraries that any such command needs.

And what start-up would take if it imported what it does not need.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

from benchmarks.timing import alternate, ratio

ROUNDS = 15
FEWER = 5
LIST = "from hdf.cli.main import hdf; hdf(['list-plugins'])"
LOAD = "from hdf.inference import load_predictor; load_predictor()"


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
    yield from _without("hdf list-plugins", LIST, "torch")
    yield from _without("a process that loads the shipped model", LOAD, "torch._dynamo")


def _without(what: str, script: str, package: str) -> Iterator[tuple[str, str]]:
    """What it is worth that a process does not import a package."""
    ours, theirs = alternate(
        _process(sys.executable, "-c", script),
        _process(sys.executable, "-c", f"import {package}; {script}"),
        FEWER,
    )
    yield f"milliseconds, {what}, as it is", f"{1000 * median(ours):.0f}"
    yield f"milliseconds, {what}, importing {package}", f"{1000 * median(theirs):.0f}"
    yield f"speed, {what}, importing {package} / as it is", ratio(ours, theirs)


def _process(*command: str) -> Callable[[], object]:
    return lambda: subprocess.run(command, check=True, capture_output=True)
