"""What each figure is to reach: all bars of all benchmarks, in one place."""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Bar:
    """A limit on the number that a figure begins with.

    Attributes:
        least: whether the number is to be at least `limit`; else at most.
    """

    limit: float
    unit: str = ""
    least: bool = True

    def __str__(self) -> str:
        text = f"{self.limit:g} {self.unit}".rstrip()
        return f"{'at least' if self.least else 'at most'} {text}"

    def missed_by(self, figure: str) -> bool:
        """Whether a figure is on the wrong side; one without a number in front is on neither."""
        number = re.match(r"-?[\d,]*\.?\d+", figure)
        if number is None:
            return False
        value = float(number[0].replace(",", ""))
        return value < self.limit if self.least else value > self.limit


def at_most(limit: float, unit: str = "") -> Bar:
    return Bar(limit, unit, least=False)


TIMES = "times"
BARS: dict[str, dict[str, Bar]] = {
    "augmentation": {
        "speed, hdf / Kornia's AugmentationSequential": Bar(4, TIMES),
        "speed, hdf / torchvision v2": Bar(2, TIMES),
    },
    "engine": {
        "seconds an epoch, without augmentation: engine / by hand": at_most(1.05, TIMES),
        "seconds an epoch, with affine and gamma: engine / by hand": at_most(1.05, TIMES),
    },
    "growth": {
        "time per image and epoch on disk: 2,000 / 200 images": at_most(1.1, TIMES),
        "time per image and epoch on disk: 20,000 / 200 images": at_most(1.1, TIMES),
        "time per image and epoch in memory: 2,000 / 200 images": at_most(1.1, TIMES),
        "time per image and epoch in memory: 20,000 / 200 images": at_most(1.1, TIMES),
        "peak memory on disk: 20,000 / 200 images": at_most(1.1, TIMES),
    },
    "onnx": {
        "speed, ONNX Runtime / PyTorch": Bar(1.5, TIMES),
        "largest difference of an edge, px": at_most(0.1),
    },
    "predict": {
        "seconds, one image, the whole process": at_most(4),
        "images a second, 256 PNGs of 512 px": Bar(25),
    },
    "predict-loop": {
        "speed, hdf predict / plain loop": Bar(2, TIMES),
        "speed, hdf predict --engine onnx / plain loop": Bar(2, TIMES),
    },
    "processes": {
        "images a second: two processes / one process": Bar(0.9, TIMES),
        "largest difference of the loss in 20 steps of Adam": at_most(0.001),
        "largest difference of the loss in 20 steps of SGD": at_most(0.001),
    },
    "review": {
        f"milliseconds from the key to the next image, two keys a second, {what}, {side} px": (
            at_most(300)
        )
        for side in (1024, 2048)
        for what in ("median", "worst")
    },
    "start-up": {
        "seconds, hdf list-plugins / import pluggy, rich.table, yaml": at_most(2.5, TIMES),
        "seconds, hdf check in order, once more / import torch": at_most(0.8, TIMES),
        "seconds, hdf check in order, for the first time / import torch": at_most(0.8, TIMES),
        "seconds, hdf check with a typo / import torch": at_most(0.3, TIMES),
        "seconds, hdf doctor / import torch": at_most(1.3, TIMES),
    },
    "store": {"seconds an epoch: decoded again / store": Bar(10, TIMES)},
    "streaming": {"peak memory above the start, MiB": at_most(1024)},
    "time-to-quality": {
        "training time, hdf from scratch / best peer": at_most(0.25, TIMES),
    },
    "vgg-training": {
        "speed, hdf in bfloat16 / classic script": Bar(2.5, TIMES),
        "speed, hdf in bfloat16 / Lightning": Bar(2.5, TIMES),
        "speed, hdf in float32 / classic script": Bar(1.15, TIMES),
        "speed, hdf in float32 / Lightning": Bar(1.15, TIMES),
        "share of the arithmetic limit, hdf in bfloat16": Bar(70, "%"),
        "share of the arithmetic limit, hdf in float32": Bar(70, "%"),
    },
}
