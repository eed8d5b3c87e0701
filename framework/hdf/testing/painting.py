"""Painted shapes whose bounds are read from the pixels alone, and targets of all sorts."""

from __future__ import annotations

import torch
from torch import Tensor

from hdf.augmentation.pipeline import BoxBounds
from hdf.types import Batch, Targets, pad_targets

TRAINING_IMAGES = 6
_RAMP = 8.0  # px from the level 0.5 at a painted shape's edge to 0 or 1


def level_bounds(images: Tensor) -> Tensor:
    """Where images rise above 0.5, read from the pixels alone, to a fraction of a pixel.

    Args:
        images: float32 [..., H, W], smooth around the level 0.5.

    Returns:
        float32 [..., 4] on pixel edges; NaN where nothing is above 0.5.
    """
    across, down = images.amax(-2), images.amax(-1)
    x0, y0 = _first_crossing(across), _first_crossing(down)
    x1 = images.shape[-1] - _first_crossing(across.flip(-1))
    y1 = images.shape[-2] - _first_crossing(down.flip(-1))
    return torch.stack([x0, y0, x1, y1], -1)


def _first_crossing(profile: Tensor) -> Tensor:
    above = profile > 0.5
    index = above.int().argmax(-1, keepdim=True)
    high = profile.gather(-1, index)
    low = profile.gather(-1, (index - 1).clamp(min=0))
    crossing = torch.where(index == 0, 0.0, index - 0.5 + (0.5 - low) / (high - low))
    return torch.where(above.any(-1), crossing[..., 0], torch.nan)


def paint(boxes: Tensor, image_size: tuple[int, int], *, rectangles: bool = False) -> Tensor:
    """Paint one soft-edged shape an image, with the level 0.5 on its edge.

    Args:
        boxes: float32 [B, 4].
        image_size: (height, width).
        rectangles: whether to fill the boxes, or the ellipses inscribed in them.

    Returns:
        float32 [B, H, W] in [0, 1].
    """
    x0, y0, x1, y1 = boxes[:, :, None, None].unbind(1)
    x = torch.arange(image_size[1]) + 0.5 - (x0 + x1) / 2
    y = (torch.arange(image_size[0]) + 0.5)[:, None] - (y0 + y1) / 2
    half_width, half_height = (x1 - x0) / 2, (y1 - y0) / 2
    if rectangles:
        inwards = torch.minimum(half_width - x.abs(), half_height - y.abs())
    else:
        radius = torch.hypot(x / half_width, y / half_height)
        inwards = (1 - radius) * torch.minimum(half_width, half_height)
    return (0.5 + inwards / (2 * _RAMP)).clamp(0, 1)


def painted_batch(
    count: int, image_size: tuple[int, int], box_bounds: BoxBounds, seed: int
) -> Batch:
    """Images of one shape each, at random places, with their boxes; masks where they bound."""
    boxes = random_boxes(count, image_size, torch.Generator().manual_seed(seed))
    images = paint(boxes, image_size, rectangles=box_bounds == "rectangle")
    masks = images[:, None] > 0.5 if box_bounds == "mask" else None
    ones = torch.ones(count, 1, dtype=torch.int64)
    targets = Targets(boxes[:, None], 0 * ones, ones.bool(), masks)
    return Batch(images[:, None], targets, torch.arange(count))


def random_boxes(count: int, image_size: tuple[int, int], generator: torch.Generator) -> Tensor:
    """Boxes float32 [count, 4] around the middle of an image, half its size or smaller."""
    size = torch.tensor([image_size[1], image_size[0]])
    center = (0.4 + 0.2 * torch.rand(count, 2, generator=generator)) * size
    half = (0.12 + 0.12 * torch.rand(count, 2, generator=generator)) * size
    return torch.cat([center - half, center + half], -1)


def training_targets(labels: int, image_size: tuple[int, int], seed: int) -> Targets:
    """What ``fit`` is given: some images, every label in most of them; no masks."""
    names = [torch.arange(labels)] * (TRAINING_IMAGES - 1) + [torch.arange(labels - 1)]
    return _random_targets(names, image_size, torch.Generator().manual_seed(seed), masks=False)


def batches(images: Tensor, labels: int, seed: int, *, masks: bool) -> dict[str, Batch]:
    """Batches of the same two images with different targets, by what is special about them.

    With `masks`, ellipses, the last image of each batch has none.
    """
    generator, size = torch.Generator().manual_seed(seed), (images.shape[-2], images.shape[-1])
    every, none = torch.arange(labels), torch.arange(0)
    kinds = {
        "every label": [every, every],
        "an image without its last label": [every, every[:-1]],
        "images without any box": [none, none],
    }
    return {
        kind: Batch(images, _random_targets(names, size, generator, masks=masks), torch.arange(2))
        for kind, names in kinds.items()
    }


def _random_targets(
    names: list[Tensor], size: tuple[int, int], generator: torch.Generator, *, masks: bool
) -> Targets:
    boxes = [random_boxes(len(item), size, generator) for item in names]
    ellipses = [paint(item, size) > 0.5 for item in boxes]
    ellipses[-1][:] = False
    return pad_targets(boxes, names, ellipses if masks else None)
