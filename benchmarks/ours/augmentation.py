"""Eight operations on a batch of generated images, by hdf, Kornia or torchvision v2."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from functools import partial

import torch
from kornia.augmentation import AugmentationSequential, RandomGamma, RandomGaussianNoise
from torch import Tensor, nn
from torchvision import tv_tensors
from torchvision.transforms import v2

from benchmarks.ellipses import NoisyEllipses
from benchmarks.timing import seconds
from hdf.augmentation.pipeline import Augment
from hdf.runtime.resources import keep_freed_memory
from hdf.types import Batch, Targets
from hdf_plugins.augmentations.geometry import affine, horizontal_flip, random_crop
from hdf_plugins.augmentations.intensity import Gamma, GaussianNoise

SIZE = (224, 224)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--by", choices=("hdf", "kornia", "torchvision"), required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--repeats", type=int, required=True)
    given = parser.parse_args()
    if given.by == "hdf":
        keep_freed_memory()  # as hdf run does
    make = {"hdf": _hdf, "kornia": _kornia, "torchvision": _torchvision}[given.by]
    augment = make(*_batch(given.count))
    augment()
    best = min(seconds(augment) for _ in range(given.repeats))
    print(json.dumps({"milliseconds_an_image": 1000 * best / given.count}))


def _batch(count: int) -> tuple[Tensor, Tensor]:
    """Images float32 [B, 1, H, W] and boxes [B, 1, 4]."""
    samples = NoisyEllipses(count, SIZE).records()
    boxes = [sample.target.boxes for sample in samples if sample.target is not None]
    return torch.stack([sample.read() for sample in samples]), torch.stack(boxes)


def _modules() -> list[nn.Module]:
    return [
        horizontal_flip(),
        affine(degrees=8.0),
        affine(translate=0.1),
        affine(scale=(0.85, 1.2)),
        affine(shear=5.0),
        random_crop(image_size=SIZE),
        Gamma(),
        GaussianNoise(p=1.0),
    ]


def _kornia_modules() -> list[nn.Module]:
    """The same of Kornia's own classes; its geometric ones are what hdf takes, too."""
    return [*_modules()[:-2], RandomGamma((0.7, 1.5)), RandomGaussianNoise(std=0.02, p=1.0)]


def _hdf(images: Tensor, boxes: Tensor) -> Callable[[], object]:
    labels = torch.zeros(len(images), 1, dtype=torch.int64)
    targets = Targets(boxes, labels, torch.ones(len(images), 1, dtype=torch.bool))
    batch = Batch(images, targets, torch.arange(len(images)))
    return partial(Augment(_modules(), SIZE), batch, (0,))


def _kornia(images: Tensor, boxes: Tensor) -> Callable[[], object]:
    return partial(
        AugmentationSequential(*_kornia_modules(), data_keys=["input", "bbox_xyxy"]), images, boxes
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


if __name__ == "__main__":
    main()
