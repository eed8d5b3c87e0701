"""The contract of augmentations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from kornia.augmentation import IntensityAugmentationBase2D
from torch import nn

from hdf.augmentation.pipeline import Augment, BoxBounds
from hdf.testing.contract import asking, assert_finite, subject
from hdf.testing.painting import level_bounds, painted_batch


@dataclass(frozen=True, slots=True)
class BoxErrors:
    """How far boxes lay from the shapes they should bound.

    Attributes:
        largest: px, the largest distance of an edge of a box from the shape's own extent.
        compared: the number of boxes compared; 0 where no module moves pixels.
        dropped: the number of boxes that the bridge dropped.
    """

    largest: float
    compared: int
    dropped: int


def check_augmentation(
    module: nn.Module | Sequence[nn.Module] | str,
    *,
    options: Mapping[str, Any] | None = None,
    image_size: tuple[int, int] = (112, 112),
    box_bounds: BoxBounds = "ellipse",
    draws: int = 1000,
    tolerance: float = 1.0,
    seed: int = 0,
) -> BoxErrors:
    """Hold an augmentation to all that hdf asks of one, and boxes to the shapes that they bound.

    hdf can use it; it gives finite images of the same size, leaves its input alone, repeats with
    its seed, and draws from torch alone. Where it moves pixels, shapes are painted and warped, and
    the boxes compared with what the warped images show. The painted shape is what `box_bounds`
    describes. Its edge is the level 0.5 of a soft ramp, so that the extents can be read from the
    pixels to a fraction of a pixel.

    Args:
        module: an augmentation, a chain of them, or the name of a registered one, which is built as
            for a recipe.
        options: of a registered one.
        image_size: (height, width), at least 64 px each.
        box_bounds: as in `hdf.augmentation.pipeline.Augment`.
        draws: the number of random images that are warped.
        tolerance: px.
        seed: of shapes and augmentation.

    Raises:
        AssertionError: saying what is wrong and what to do; of boxes, that one lies further than
            `tolerance` from its shape, stays without a shape in sight, or is dropped although its
            whole shape is in sight.
    """
    with subject("augmentation", module, options, seed, image_size=image_size) as made:
        built = made.make()
        modules = [built] if isinstance(built, nn.Module) else list(built)
        with asking("construction of hdf.augmentation.pipeline.Augment"):
            augment = Augment(modules, image_size, box_bounds)
        _check_images(augment, image_size, seed)
        moving = [item for item in modules if not isinstance(item, IntensityAugmentationBase2D)]
        if not moving:
            return BoxErrors(0.0, 0, 0)
        # Others may change the level that a shape's edge is read from.
        moved = Augment(moving, image_size, box_bounds)
        return _check_boxes(moved, image_size, box_bounds, draws, tolerance, seed)


def _check_images(augment: Augment, image_size: tuple[int, int], seed: int) -> None:
    """Whole images of noise, and black ones, as a batch of the run would be."""
    drawn = torch.rand(6, 1, *image_size, generator=torch.Generator().manual_seed(seed))
    drawn[-1] = 0
    batch = replace(painted_batch(6, image_size, "ellipse", seed), images=drawn)
    given, boxes = drawn.clone(), batch.targets.boxes.clone()
    with asking("forward", torch_draws=False):  # its bridge seeds torch, and restores it
        first = augment(batch, (seed, 0))
    torch.rand(7)  # numbers drawn elsewhere must not matter
    with asking("forward", torch_draws=False):
        again = augment(batch, (seed, 0))
    assert torch.equal(batch.images, given) and torch.equal(batch.targets.boxes, boxes), (
        "it changes its input in place; work on a copy"
    )
    assert first.images.shape == given.shape and first.images.dtype == torch.float32, (
        f"it gives images {first.images.dtype} {list(first.images.shape)}, expected torch.float32 "
        f"{list(given.shape)}"
    )
    assert_finite("an augmented image", first.images)
    same_boxes = torch.equal(first.targets.boxes, again.targets.boxes)
    assert torch.equal(first.images, again.images) and same_boxes, (
        "with the same seed it gives another result; draw from torch's global generator, in "
        "generate_parameters, and keep no state from one call to the next"
    )


def _check_boxes(
    augment: Augment,
    image_size: tuple[int, int],
    bounds: BoxBounds,
    draws: int,
    tolerance: float,
    seed: int,
) -> BoxErrors:
    height, width = image_size
    largest, compared, dropped = 0.0, 0, 0
    for step, start in enumerate(range(0, draws, 100)):
        batch = painted_batch(min(100, draws - start), image_size, bounds, seed + start)
        warped = augment(batch, (seed, step))
        boxes, kept = warped.targets.boxes[:, 0], warped.targets.valid[:, 0]
        shown = level_bounds(warped.images[:, 0])
        inside = (shown[:, :2] > 0).all(-1) & (shown[:, 2] < width) & (shown[:, 3] < height)
        lost = ~kept & inside
        assert not bool(lost.any()), (
            f"a box was dropped although its whole shape is in sight at {shown[lost][0].tolist()}"
        )
        errors = (boxes - shown).abs().amax(-1).where(kept, torch.zeros(()))
        worst = int(errors.argmax())
        # A shape out of sight has NaN bounds, and so has the error of a box that stayed.
        assert bool((errors <= tolerance).all()), (
            f"a box ({bounds}) lies {float(errors[worst]):.2f} px from the shape it should "
            f"bound: box {boxes[worst].tolist()}, shape {shown[worst].tolist()}"
        )
        largest = max(largest, float(errors.max()))
        compared, dropped = compared + int(kept.sum()), dropped + int((~kept).sum())
    return BoxErrors(largest, compared, dropped)
