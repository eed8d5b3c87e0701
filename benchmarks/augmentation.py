"""Eight operations on a batch of 32 images of 224 px with a box each, hdf beside three peers.

Mirror, rotation, shift, scale, shear, crop, gamma and noise, drawn anew for every image. hdf,
Kornia and torchvision v2 compute on float32; albumentations on 8-bit images, which are its
quickest. Each is a process of its own in each round, the best of a few batches after one that is
not counted.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from functools import partial

from benchmarks.sides import ours, peer
from benchmarks.timing import in_turns, ratio, spread

ROUNDS = int(os.environ.get("HDF_BENCHMARK_AUGMENT_ROUNDS", "7"))
COUNT = int(os.environ.get("HDF_BENCHMARK_AUGMENT_BATCH", "32"))
REPEATS = 10
HDF = "hdf"
PEERS = {"Kornia's AugmentationSequential": "kornia", "torchvision v2": "torchvision"}
ALBUMENTATIONS = "albumentations"


def rows() -> Iterator[tuple[str, str]]:
    """Milliseconds an image of each, and ratios of speed."""
    by_name = {HDF: HDF, **PEERS}
    sides = {name: partial(_here, by) for name, by in by_name.items()}
    found = in_turns(sides | {ALBUMENTATIONS: _albumentations}, ROUNDS)
    for name, figures in found.items():
        yield f"milliseconds an image, {name}", spread(figures, 2)
    for name in (*PEERS, ALBUMENTATIONS):
        yield f"speed, hdf / {name}", ratio(found[name], found[HDF])


def _here(by: str) -> float:
    found = ours("augmentation", "--by", by, "--count", COUNT, "--repeats", REPEATS)
    return float(found["milliseconds_an_image"])


def _albumentations() -> float:
    options = ("--count", COUNT, "--side", 224, "--repeats", REPEATS)
    return float(peer("albumentations_chain", *options)["milliseconds_an_image"])
