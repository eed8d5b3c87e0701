"""An epoch over PNGs at 224 px once they were read: hdf's store beside MONAI's CacheDataset.

Shuffled batches of 32, float32 in [0, 1], with a box each; a fresh process each round.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from benchmarks.radiographs import radiographs
from benchmarks.sides import ours, peer
from benchmarks.timing import in_turns, ratio, spread

ROUNDS = int(os.environ.get("HDF_BENCHMARK_LOADING_ROUNDS", "3"))
COUNT = int(os.environ.get("HDF_BENCHMARK_LOADING_IMAGES", "200"))
SIDE, BATCH, EPOCHS = 224, 32, 9


def rows() -> Iterator[tuple[str, str]]:
    """Images a second: the median of a process's epochs after the first."""
    with radiographs(COUNT) as (images, table):
        options = ("--images", images, "--table", table, "--count", COUNT)
        options = (*options, "--side", SIDE, "--batch", BATCH, "--epochs", EPOCHS)

        def monai(workers: int) -> float:
            found = peer("monai_loading", *options, "--workers", workers)
            return float(found["images_per_second"])

        sides = {
            "hdf's store": lambda: float(ours("loading", *options)["images_per_second"]),
            "MONAI's CacheDataset": lambda: monai(0),
            "MONAI's CacheDataset, 2 workers": lambda: monai(2),
        }
        found = in_turns(sides, ROUNDS)
    for name, figures in found.items():
        yield f"images a second, {name}", spread(figures, 0)
    for name in list(sides)[1:]:
        yield f"speed, hdf's store / {name}", ratio(found["hdf's store"], found[name])
