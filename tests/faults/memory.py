"""A long training needs no more memory at its end than soon after its beginning."""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from tests.faults.children import RECIPE, last_line, lines_of, recipe_in
from tests.faults.outcome import Outcome

MOST = 0.1
"""MiB an epoch."""
CHANGES = ("train.checkpoint_minutes=10", "train.batch_size=16")
WARM = 0.4
"""The part of the epochs after which memory is watched."""


def bench(count: int) -> Outcome:
    """Train for `count` epochs, and look at the process's own memory after each."""
    outcome, seen = Outcome(), dict[int, float]()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        recipe = recipe_in(folder, RECIPE.replace("epochs: 3", f"epochs: {count}"))
        out, log = folder / "out", folder / "log"
        # Not forked: pages that a child has in common with its parent become its own bit by bit.
        with log.open("w") as file:
            command = [sys.executable, "-m", "hdf", "run", str(recipe), *CHANGES, "--out", str(out)]
            child = subprocess.Popen(command, stderr=file)
            while child.poll() is None:
                epoch = lines_of(out / "metrics.jsonl")
                if epoch not in seen:
                    seen[epoch] = _mib(child.pid)
                time.sleep(0.005)
        if child.returncode:
            outcome.badly(last_line(log))
            return outcome
    late = {epoch: mib for epoch, mib in seen.items() if WARM * count < epoch < count}
    slope = float(np.polyfit(list(late), list(late.values()), 1)[0])
    told = (
        f"{slope:+.4f} MiB an epoch from epoch {min(late)} to {max(late)}, of {late[min(late)]:.0f}"
    )
    if slope < MOST:
        outcome.well(told)
    else:
        outcome.badly(told)
    return outcome


def _mib(process: int) -> float:
    """The memory that is a process's own; libraries, which others use as well, do not count."""
    text = Path(f"/proc/{process}/smaps_rollup").read_text()
    found = re.search(r"^Anonymous:\s+(\d+) kB", text, re.MULTILINE)
    assert found is not None, text
    return int(found[1]) / 1024
