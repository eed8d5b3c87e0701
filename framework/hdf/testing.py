"""Checks that plugin authors call in their own tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from hdf.augment import Augment, BoxBounds
from hdf.types import Batch, Targets

_RAMP = 8.0  # px from the level 0.5 at a painted shape's edge to 0 or 1


@dataclass(frozen=True, slots=True)
class BoxErrors:
    """How far boxes lay from the shapes they should bound.

    Attributes:
        largest: px, the largest distance of an edge of a box from the shape's own extent.
        compared: the number of boxes compared.
        dropped: the number of boxes that the bridge dropped.
    """

    largest: float
    compared: int
    dropped: int


def check_augmentation(
    module: nn.Module | Sequence[nn.Module],
    *,
    image_size: tuple[int, int] = (112, 112),
    box_bounds: BoxBounds = "ellipse",
    draws: int = 1000,
    tolerance: float = 1.0,
    seed: int = 0,
) -> BoxErrors:
    """Paint shapes, warp them, and compare the boxes with what the warped images show.

    The painted shape is what `box_bounds` describes. Its edge is the level 0.5 of a soft ramp, so
    that the extents can be read from the pixels to a fraction of a pixel.

    Args:
        module: a geometric augmentation, or a chain of them.
        image_size: (height, width), at least 64 px each.
        box_bounds: as in `hdf.augment.Augment`.
        draws: the number of random images.
        tolerance: px.
        seed: of shapes and augmentation.

    Raises:
        AssertionError: a box lies further than `tolerance` from its shape, stays without a shape in
            sight, or is dropped although its whole shape is in sight.
    """
    modules = [module] if isinstance(module, nn.Module) else list(module)
    augment = Augment(modules, image_size, box_bounds)
    largest, compared, dropped = 0.0, 0, 0
    for step, start in enumerate(range(0, draws, 100)):
        batch = _painted_batch(min(100, draws - start), image_size, box_bounds, seed + start)
        warped = augment(batch, (seed, step))
        boxes, kept = warped.targets.boxes[:, 0], warped.targets.valid[:, 0]
        shown = level_bounds(warped.images[:, 0])
        _assert_rightly_dropped(kept, shown, image_size)
        errors = (boxes - shown).abs().amax(-1).where(kept, torch.zeros(()))
        _assert_close(errors, tolerance, boxes, shown, box_bounds)
        largest = max(largest, float(errors.max()))
        compared, dropped = compared + int(kept.sum()), dropped + int((~kept).sum())
    return BoxErrors(largest, compared, dropped)


def _assert_close(
    errors: Tensor, tolerance: float, boxes: Tensor, shown: Tensor, box_bounds: str
) -> None:
    worst = int(errors.argmax())
    # A shape out of sight has NaN bounds, and so has the error of a box that stayed.
    assert bool((errors <= tolerance).all()), (
        f"a box ({box_bounds}) lies {float(errors[worst]):.2f} px from the shape it should bound: "
        f"box {boxes[worst].tolist()}, shape {shown[worst].tolist()}"
    )


def _assert_rightly_dropped(kept: Tensor, shown: Tensor, image_size: tuple[int, int]) -> None:
    height, width = image_size
    inside = (shown[:, :2] > 0).all(-1) & (shown[:, 2] < width) & (shown[:, 3] < height)
    lost = ~kept & inside
    assert not bool(lost.any()), (
        f"a box was dropped although its whole shape is in sight at {shown[lost][0].tolist()}"
    )


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


def _painted_batch(
    count: int, image_size: tuple[int, int], box_bounds: BoxBounds, seed: int
) -> Batch:
    boxes = _random_boxes(count, image_size, torch.Generator().manual_seed(seed))
    images = paint(boxes, image_size, rectangles=box_bounds == "rectangle")
    masks = images[:, None] > 0.5 if box_bounds == "mask" else None
    ones = torch.ones(count, 1, dtype=torch.int64)
    targets = Targets(boxes[:, None], 0 * ones, ones.bool(), masks)
    return Batch(images[:, None], targets, torch.arange(count))


def _random_boxes(count: int, image_size: tuple[int, int], generator: torch.Generator) -> Tensor:
    size = torch.tensor([image_size[1], image_size[0]])
    center = (0.4 + 0.2 * torch.rand(count, 2, generator=generator)) * size
    half = (0.12 + 0.12 * torch.rand(count, 2, generator=generator)) * size
    return torch.cat([center - half, center + half], -1)


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
