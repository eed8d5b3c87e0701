"""How the recipe's models bear other exposures, borders and shapes of the image (HDF_TEST_DATA)."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.chest200 import crossval, each_fold
from hdf.boxes import iou
from hdf.inference.predictor import Predictor
from hdf.types import Sample

BAR, SQUEEZE = 72, 0.8
Disturbance = tuple[Callable[[Tensor], Tensor], Callable[[Tensor], Tensor]]
"""What happens to an image of 512 px, and what to its boxes."""


def same(boxes: Tensor) -> Tensor:
    return boxes


DISTURBANCES: dict[str, Disturbance] = {
    "as it is": (lambda image: image, same),
    "gamma 0.5": (lambda image: image**0.5, same),
    "gamma 2": (lambda image: image**2, same),
    "a third of the contrast": (lambda image: 0.5 + (image - 0.5) / 3, same),
    "inverted": (lambda image: 1 - image, same),
    "noise, standard deviation 0.05": (
        lambda image: (image + 0.05 * torch.randn(image.shape)).clamp(0, 1),
        same,
    ),
    "black bars at both sides, 14 % each": (
        lambda image: F.pad(image, (BAR, BAR)),
        lambda boxes: boxes + boxes.new_tensor([BAR, 0, BAR, 0]),
    ),
    "squeezed to 80 % of its width": (
        lambda image: F.interpolate(
            image[None], size=(512, round(512 * SQUEEZE)), mode="bilinear", antialias=True
        )[0],
        lambda boxes: boxes * boxes.new_tensor([round(512 * SQUEEZE) / 512, 1] * 2),
    ),
}


def rows() -> Iterator[tuple[str, str]]:
    """Mean IoU of the heart and share of doubted images, each answered out of fold."""
    data = os.environ.get("HDF_TEST_DATA")
    if not data:
        yield "skipped", "HDF_TEST_DATA is not set"
        return
    chest = Path(data) / "chest200"
    with tempfile.TemporaryDirectory() as scratch:
        run = Path(os.environ.get("HDF_CHEST_RUNS", scratch)) / "seed-0"
        crossval(chest, run, "seed=0")
        folds = list(each_fold(chest, [run]))
    for name, disturbance in DISTURBANCES.items():
        torch.manual_seed(0)
        yield name, _figures(folds, disturbance)


def _figures(folds: list[tuple[Predictor, list[Sample]]], disturbance: Disturbance) -> str:
    of_image, of_boxes = disturbance
    overlaps, doubts = [], []
    for predictor, samples in folds:
        answers = predictor.predict([of_image(sample.read()) for sample in samples])
        for sample, answer in zip(samples, answers, strict=True):
            assert sample.target is not None and answer.doubt is not None
            true = sample.target.boxes[sample.target.labels.index("heart")]
            overlaps.append(float(iou(answer.boxes["heart"], of_boxes(true))))
            doubts.append(answer.doubt >= 0.5)
    mean, doubted = sum(overlaps) / len(overlaps), sum(doubts) / len(doubts)
    return f"IoU {mean:.3f}, doubted {doubted:.1%}"
