"""The bench's run as it is where nothing goes wrong, once for all parts that compare with it."""

from __future__ import annotations

import tempfile
import time
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.faults.children import call, last_line, recipe_in
from tests.faults.readable import results_of


class Whole(NamedTuple):
    """What the run took, and what it left.

    Attributes:
        sizes: of all its files, in bytes.
    """

    seconds: float
    results: dict[str, bytes]
    sizes: list[int]


@cache
def whole_run() -> Whole:
    """Run the bench's recipe to its end."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        recipe, log, out = recipe_in(folder), folder / "log", folder / "whole"
        began = time.monotonic()
        if call(["run", recipe, "--out", out], log):
            raise RuntimeError(f"the run that nothing happens to: {last_line(log)}")
        seconds = time.monotonic() - began
        sizes = [path.stat().st_size for path in out.rglob("*") if path.is_file()]
        return Whole(seconds, results_of(out), sizes)
