"""Twenty faults planted in real radiographs, and how many hdf audit names (needs HDF_TEST_DATA)."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from benchmarks.planted_faults import copy_of, plant

SEEDS = 5
RECIPE = """
data:
  loader: {use: csv_boxes, images: images, table: hearts.csv}
  split: {lists: {train: train.txt, val: val.txt}}
  store: memory
"""


def rows() -> Iterator[tuple[str, str]]:
    """Faults named, and named with their kind; images without a fault that are called severe."""
    data = os.environ.get("HDF_TEST_DATA")
    if not data:
        yield "skipped", "HDF_TEST_DATA is not set"
        return
    rounds = [_round(Path(data) / "chest200", seed) for seed in range(SEEDS)]
    named, kinds, severe, seconds, missed = zip(*rounds, strict=True)
    yield "planted faults named, of 20 (each of 5 draws)", ", ".join(map(str, named))
    yield "named with the kind that was planted", ", ".join(map(str, kinds))
    yield "untouched images called severe", ", ".join(f"{share:.1%}" for share in severe)
    yield "missed", "; ".join(filter(None, missed)) or "none"
    yield "seconds, reading included", f"{median(seconds):.0f}"


def _round(data: Path, seed: int) -> tuple[int, int, float, float, str]:
    with tempfile.TemporaryDirectory() as place:
        copy = copy_of(data, Path(place) / "copy", seed)
        plant(copy)
        (copy.folder / "recipe.yaml").write_text(RECIPE)
        began = time.perf_counter()
        command = [sys.executable, "-m", "hdf", "audit", "recipe.yaml", "--json"]
        shown = subprocess.run(command, cwd=copy.folder, capture_output=True, text=True, check=True)
        seconds = time.perf_counter() - began
    found = json.loads(shown.stdout)["findings"]
    pairs = {(name, item["kind"]) for item in found for name in (item["name"], *item["others"])}
    names = {name for name, _ in pairs}
    untouched = set(copy.rows) - copy.used
    severe = {
        name
        for item in found
        if item["severity"] == "severe"
        for name in (item["name"], *item["others"])
    } & untouched
    planted = copy.planted
    missed = ", ".join(f"{name} {kind}" for name, kind in planted if name not in names)
    return (
        sum(name in names for name, _ in planted),
        sum(pair in pairs for pair in planted),
        len(severe) / len(untouched),
        seconds,
        missed,
    )
