"""Training VGG16 at 224 px: hdf, the classic script and PyTorch Lightning, images a second.

The same layers and batches on both sides, a fresh process each round, its first step not counted.
The arithmetic limit is a product of two large matrices, in the same run.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import Any

from benchmarks.radiographs import radiographs
from benchmarks.sides import ours, peer
from benchmarks.timing import Figures, in_turns, ratio, spread

ROUNDS = int(os.environ.get("HDF_BENCHMARK_VGG_ROUNDS", "3"))
STEPS = int(os.environ.get("HDF_BENCHMARK_VGG_STEPS", "6"))
BATCH = int(os.environ.get("HDF_BENCHMARK_VGG_BATCH", "16"))
SIDE = int(os.environ.get("HDF_BENCHMARK_VGG_SIDE", "224"))
MATRIX = int(os.environ.get("HDF_BENCHMARK_MATRIX", "4096"))
PRECISIONS = ("bfloat16", "float32")
THEIRS = {"classic script": "classic_script", "Lightning": "lightning_vgg"}


def rows() -> Iterator[tuple[str, str]]:
    """Images a second of each side, their ratios, and the share of the arithmetic limit."""
    with radiographs() as (images, table):
        common = ("--images", images, "--table", table, "--steps", STEPS)
        common = (*common, "--batch", BATCH, "--side", SIDE)
        found = in_turns(_sides(common), ROUNDS)
    limits = ours("arithmetic", "--side", SIDE, "--matrix", MATRIX)
    for name, figures in found.items():
        yield f"images a second, {name}", spread(figures, 2)
    for precision in PRECISIONS:
        for name in THEIRS:
            yield f"speed, hdf in {precision} / {name}", ratio(found[_hdf(precision)], found[name])
    for precision in PRECISIONS:
        yield f"arithmetic limit, {precision}", f"{limits[precision] / 1e9:,.0f} GFLOP/s"
        share = _share(found[_hdf(precision)], limits["an_image"] / limits[precision])
        yield f"share of the arithmetic limit, {_hdf(precision)}", share
    yield "arithmetic of a training step, an image", f"{limits['an_image'] / 1e9:.1f} GFLOP"


def _hdf(precision: str) -> str:
    return f"hdf in {precision}"


def _sides(common: tuple[Any, ...]) -> dict[str, Callable[[], float]]:
    def side(run: Callable[..., dict[str, Any]], name: str, *options: str) -> Callable[[], float]:
        return lambda: float(run(name, *common, *options)["images_per_second"])

    hdf = {_hdf(p): side(ours, "vgg_training", "--precision", p) for p in PRECISIONS}
    return hdf | {name: side(peer, script) for name, script in THEIRS.items()}


def _share(figures: Figures, seconds_an_image: float) -> str:
    """Per cent of the limit, of images a second that could take this long at least."""
    if isinstance(figures, str):
        return figures
    return spread([100 * speed * seconds_an_image for speed in figures], 1)
