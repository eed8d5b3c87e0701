"""What each optimisation of prediction is worth: the shipped model on PNGs, with and without it.

A fresh process each round, whose first pass over the folder does not count, nor does its start-up.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.predict_loop import copies
from benchmarks.radiographs import radiographs
from benchmarks.sides import ours
from benchmarks.timing import in_turns, ratio, spread
from hdf.runtime.device import choose_compute

ROUNDS = int(os.environ.get("HDF_BENCHMARK_PREDICTION_ROUNDS", "3"))
COUNT = int(os.environ.get("HDF_BENCHMARK_PREDICTION_IMAGES", "400"))
ALL = "as it is"
CHOICES: dict[str, tuple[str, ...]] = {
    "in float32": ("--precision", "float32"),
    "batch norms not folded": ("--without", "folding"),
    "channels first": ("--without", "channels-last"),
    "gradients prepared": ("--without", "inference-mode"),
    "one image at a time": ("--without", "batches"),
    "one image after the other, torch on all cores": ("--without", "threads"),
}


def rows() -> Iterator[tuple[str, str]]:
    """Images a second of each choice, and their ratios."""
    precision = choose_compute("cpu", "auto").precision
    with tempfile.TemporaryDirectory() as name, radiographs() as (images, _):
        folder = Path(name) / "images"
        copies(images, folder, COUNT)

        def side(*words: str) -> Callable[[], float]:
            given = ("--images", folder, "--precision", precision, *words)
            return lambda: float(ours("prediction", *given)["images_per_second"])

        sides = {ALL: side(), **{name: side(*words) for name, words in CHOICES.items()}}
        found = in_turns(sides, ROUNDS)
    for name, figures in found.items():
        yield f"images a second, {name}", spread(figures, 1)
    for name in CHOICES:
        yield f"speed, {name} / {ALL}", ratio(found[name], found[ALL])
