"""What each optimisation of training is worth: VGG16 at 224 px with all of them, and without one.

A fresh process each round, its first step not counted. Those that are off by default are switched
on instead.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping

from benchmarks.radiographs import radiographs
from benchmarks.sides import ours
from benchmarks.timing import in_turns, ratio, spread
from hdf.runtime.device import choose_compute

ROUNDS = int(os.environ.get("HDF_BENCHMARK_OPTIMISATIONS_ROUNDS", "3"))
STEPS = int(os.environ.get("HDF_BENCHMARK_OPTIMISATIONS_STEPS", "4"))
BATCH = int(os.environ.get("HDF_BENCHMARK_OPTIMISATIONS_BATCH", "16"))
SIDE = int(os.environ.get("HDF_BENCHMARK_OPTIMISATIONS_SIDE", "224"))
ALL, FROZEN = "as it is", "frozen backbone"
GLIBC = {"MALLOC_TOP_PAD_": "131072"}
"""Setting what glibc does by itself makes hdf leave it as it is."""

CHOICES: dict[str, tuple[str, ...]] = {
    ALL: (),
    "in float32": ("--precision", "float32"),
    "channels first": ("--channels-first",),
    "optimiser not fused": ("--unfused",),
    "freed memory given back": (),
    "compiled": ("--compiled",),
    FROZEN: ("--frozen",),
    "frozen backbone, maps kept": ("--frozen", "--cached"),
}


def rows() -> Iterator[tuple[str, str]]:
    """Images a second of each choice, and their ratios."""
    with radiographs() as (images, table):
        common = ("--images", images, "--table", table, "--steps", STEPS, "--batch", BATCH)
        found = in_turns(_sides((*common, "--side", SIDE)), ROUNDS)
    for name, figures in found.items():
        yield f"images a second, {name}", spread(figures, 2)
    for name in CHOICES:
        base = FROZEN if name.startswith(FROZEN) else ALL
        if name != base:
            yield f"speed, {name} / {base}", ratio(found[name], found[base])


def _sides(common: tuple[object, ...]) -> Mapping[str, Callable[[], float]]:
    precision = choose_compute("cpu", "auto").precision

    def side(name: str, words: tuple[str, ...]) -> Callable[[], float]:
        changed = GLIBC if name == "freed memory given back" else {}
        given = (*common, "--precision", precision, *words)
        return lambda: float(ours("vgg_training", *given, **changed)["images_per_second"])

    return {name: side(name, words) for name, words in CHOICES.items()}
