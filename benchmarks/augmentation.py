"""Eight operations on a batch of 32 images of 224 px with a box each, hdf beside three peers.

Mirror, rotation, shift, scale, shear, crop, gamma and noise, drawn anew for every image. hdf,
Kornia and torchvision v2 compute on float32 in one process; albumentations on 8-bit images, which
are its quickest, in another.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from functools import partial

import torch
from kornia.augmentation import AugmentationSequential
from torch import Tensor, nn
from torchvision import tv_tensors
from torchvision.transforms import v2

from benchmarks.ellipses import NoisyEllipses
from benchmarks.sides import peer
from benchmarks.timing import in_turns, ratio, seconds, spread
from hdf.augment import Augment
from hdf.types import Batch, Targets
from hdf_plugins.augmentations.affine import affine
from hdf_plugins.augmentations.gamma import gamma
from hdf_plugins.augmentations.gaussian_noise import gaussian_noise
from hdf_plugins.augmentations.horizontal_flip import horizontal_flip
from hdf_plugins.augmentations.random_crop import random_crop

ROUNDS = int(os.environ.get("HDF_BENCHMARK_AUGMENT_ROUNDS", "7"))
COUNT = int(os.environ.get("HDF_BENCHMARK_AUGMENT_BATCH", "32"))
REPEATS = 3
SIZE = (224, 224)
HDF, KORNIA, V2, ALBUMENTATIONS = (
    "hdf",
    "Kornia's AugmentationSequential",
    "torchvision v2",
    "albumentations",
)


def rows() -> Iterator[tuple[str, str]]:
    """Milliseconds an image of each, and ratios of speed."""
    images, boxes = _batch()
    sides = {
        HDF: _timed(_hdf(images, boxes)),
        KORNIA: _timed(_kornia(images, boxes)),
        V2: _timed(_torchvision(images, boxes)),
        ALBUMENTATIONS: _albumentations,
    }
    found = in_turns(sides, ROUNDS)
    for name, figures in found.items():
        yield f"milliseconds an image, {name}", spread(figures, 2)
    for name in (KORNIA, V2, ALBUMENTATIONS):
        yield f"speed, hdf / {name}", ratio(found[name], found[HDF])


def _batch() -> tuple[Tensor, Tensor]:
    """Images float32 [B, 1, H, W] and boxes [B, 1, 4]."""
    samples = NoisyEllipses(COUNT, SIZE).records()
    boxes = [sample.target.boxes for sample in samples if sample.target is not None]
    return torch.stack([sample.read() for sample in samples]), torch.stack(boxes)


def _timed(augment: Callable[[], object]) -> Callable[[], float]:
    """Milliseconds an image, the best of a few batches after one that is not counted."""

    def measure() -> float:
        augment()
        return 1000 * min(seconds(augment) for _ in range(REPEATS)) / COUNT

    return measure


def _modules() -> list[nn.Module]:
    return [
        horizontal_flip(),
        affine(degrees=8.0),
        affine(translate=0.1),
        affine(scale=(0.85, 1.2)),
        affine(shear=5.0),
        random_crop(image_size=SIZE),
        gamma(),
        gaussian_noise(p=1.0),
    ]


def _hdf(images: Tensor, boxes: Tensor) -> Callable[[], object]:
    labels = torch.zeros(COUNT, 1, dtype=torch.int64)
    targets = Targets(boxes, labels, torch.ones(COUNT, 1, dtype=torch.bool))
    batch = Batch(images, targets, torch.arange(COUNT))
    return partial(Augment(_modules(), SIZE), batch, (0,))


def _kornia(images: Tensor, boxes: Tensor) -> Callable[[], object]:
    return partial(
        AugmentationSequential(*_modules(), data_keys=["input", "bbox_xyxy"]), images, boxes
    )


class _Gamma(v2.Transform):
    """torchvision has `adjust_gamma`, and no random one."""

    def forward(self, image: Tensor, boxes: Tensor) -> tuple[Tensor, Tensor]:
        power = float(torch.empty(()).uniform_(0.7, 1.5))
        return v2.functional.adjust_gamma(image, power), boxes


def _torchvision(images: Tensor, boxes: Tensor) -> Callable[[], object]:
    """Image by image, since a call draws one set of numbers for all that it is given."""
    bilinear = v2.InterpolationMode.BILINEAR
    chain = v2.Compose(
        [
            v2.RandomHorizontalFlip(),
            v2.RandomRotation(8, bilinear),
            v2.RandomAffine(0, translate=(0.1, 0.1), interpolation=bilinear),
            v2.RandomAffine(0, scale=(0.85, 1.2), interpolation=bilinear),
            v2.RandomAffine(0, shear=(-5, 5, -5, 5), interpolation=bilinear),
            v2.RandomResizedCrop(SIZE, (0.7, 1.0), (0.9, 1.1), bilinear),
            _Gamma(),
            v2.GaussianNoise(sigma=0.02),
        ]
    )
    pairs = [
        (tv_tensors.Image(image), tv_tensors.BoundingBoxes(box, format="XYXY", canvas_size=SIZE))
        for image, box in zip(images, boxes, strict=True)
    ]

    def augment() -> Tensor:
        return torch.stack([chain(image, box)[0] for image, box in pairs])

    return augment


def _albumentations() -> float:
    options = ("--count", COUNT, "--side", SIZE[0], "--repeats", REPEATS)
    return float(peer("albumentations_chain", *options)["milliseconds_an_image"])
