"""Targets that ask everything of a head: boxes of all sizes, missing labels, missing masks."""

from __future__ import annotations

import torch
from torch import Tensor

from hdf.types import Batch, Targets, pad_targets

TRAINING_IMAGES = 6


def random_boxes(count: int, image_size: tuple[int, int], generator: torch.Generator) -> Tensor:
    """Boxes float32 [count, 4] around the middle of an image, half its size or smaller."""
    size = torch.tensor([image_size[1], image_size[0]])
    center = (0.4 + 0.2 * torch.rand(count, 2, generator=generator)) * size
    half = (0.12 + 0.12 * torch.rand(count, 2, generator=generator)) * size
    return torch.cat([center - half, center + half], -1)


def training_targets(labels: int, image_size: tuple[int, int], seed: int) -> Targets:
    """What ``fit`` is given: some images, every label in most of them; no masks."""
    generator = torch.Generator().manual_seed(seed)
    names = [torch.arange(labels)] * (TRAINING_IMAGES - 1) + [torch.arange(labels - 1)]
    return pad_targets([random_boxes(len(n), image_size, generator) for n in names], names)


def batches(images: Tensor, labels: int, seed: int, *, masks: bool) -> dict[str, Batch]:
    """Batches of the same images with different targets, by what is special about them.

    Args:
        images: float32 [2, 1, H, W].
        masks: whether there are masks; the last image of each batch has none.
    """
    generator = torch.Generator().manual_seed(seed)
    every, none = torch.arange(labels), torch.arange(0)
    kinds = {
        "every label": [every, every],
        "an image without its last label": [every, every[:-1]],
        "images without any box": [none, none],
    }
    return {name: _batch(images, found, generator, masks) for name, found in kinds.items()}


def _batch(
    images: Tensor, names: list[Tensor], generator: torch.Generator, with_masks: bool
) -> Batch:
    height, width = images.shape[-2:]
    boxes = [random_boxes(len(item), (height, width), generator) for item in names]
    masks = None
    if with_masks:
        masks = [_filled(item, (height, width)) for item in boxes]
        masks[-1][:] = False
    return Batch(images, pad_targets(boxes, names, masks), torch.arange(len(names)))


def _filled(boxes: Tensor, size: tuple[int, int]) -> Tensor:
    """The inscribed ellipse of each box [N, 4], bool [N, H, W]."""
    x0, y0, x1, y1 = boxes[:, :, None, None].unbind(1)
    x = (torch.arange(size[1]) + 0.5 - (x0 + x1) / 2) / ((x1 - x0) / 2)
    y = ((torch.arange(size[0]) + 0.5)[:, None] - (y0 + y1) / 2) / ((y1 - y0) / 2)
    return x.square() + y.square() < 1
