"""The bridge to Kornia: augmentations that keep boxes and masks on the pixels they belong to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import Literal, get_args

import numpy as np
import torch
from kornia.augmentation import IntensityAugmentationBase2D
from torch import Tensor, nn

from hdf import boxes as box_algebra
from hdf.augmentation.checks import Module, checked, rows_of, run_part
from hdf.augmentation.warp import (
    Shape,
    box_outlines,
    centers_to_edges,
    mask_outlines,
    resample,
    warped_bounds,
)
from hdf.runtime.world import Share
from hdf.types import Batch, Targets

BoxBounds = Literal["ellipse", "rectangle", "mask"]

MIN_SIDE = 1.0
"""The least side of a box, pixels; smaller boxes are dropped."""

MIN_VISIBLE = 0.1
"""The least visible share of a box; boxes with less are dropped."""


class Augment:
    """Runs Kornia augmentation modules on whole batches, on the device that holds them.

    All geometric modules are composed into one matrix per image, and images and masks are resampled
    once (bilinear, black outside the image), in place of the first geometric module. Intensity
    modules run in their order, before or after it. The settings `resample`, `padding_mode` and
    `align_corners` of the geometric modules are ignored.

    An image that no geometric module moves keeps its pixels, boxes and masks bit for bit. A box
    bounds the visible part of its shape; one with a side below `MIN_SIDE`, or with a visible share
    below `MIN_VISIBLE`, becomes padding.

    Args:
        modules: Kornia 2D augmentation modules, in the recipe's order.
        image_size: (height, width) of the images.
        box_bounds: what a box bounds after a warp. ``ellipse``: the ellipse that the box was drawn
            around, right for organs; ``rectangle``: the corners of the box, which inflates the box
            of a rotated organ; ``mask``: the warped mask, for objects that have one, and the
            ellipse for others.

    Raises:
        ValueError: a module moves pixels by something other than a 3x3 matrix, changes the image's
            size, mixes images, or is no Kornia augmentation.
    """

    def __init__(
        self,
        modules: Sequence[nn.Module],
        image_size: tuple[int, int],
        box_bounds: BoxBounds = "ellipse",
    ) -> None:
        if box_bounds not in get_args(BoxBounds):
            raise ValueError(f"box_bounds is {box_bounds!r}: use ellipse, rectangle or mask")
        chain = [checked(module, image_size) for module in modules]
        moving = [not isinstance(module, IntensityAugmentationBase2D) for module in chain]
        place = moving.index(True) if any(moving) else len(chain)
        self.box_bounds = box_bounds
        self._before = chain[:place]
        self._geometric = [module for module, moves in zip(chain, moving, strict=True) if moves]
        self._after = [module for module in chain[place:] if module not in self._geometric]
        self._image_size = image_size

    @torch.no_grad()
    def __call__(self, batch: Batch, key: Sequence[int], share: Share | None = None) -> Batch:
        """Augment a batch.

        Args:
            batch: images float32 [B, 1, H, W] in [0, 1] and their targets; left as it is.
            key: non-negative integers, such as (seed, epoch, step). All random numbers follow from
                it: the same key gives the same result, and the global generators stay untouched.
            share: which part of a larger batch is wanted. `batch` is that part if the chain
                `divides`, else the whole; each image gets the same result as in the whole batch.

        Returns:
            A new batch with images in [0, 1], those of `share`.
        """
        if share is not None and share.images == share.whole:
            share = None
        if share is not None and not self.divides:
            return self(batch, key).part(share.rows)
        if not (self._before or self._geometric):
            return batch
        with _keyed_random_numbers(key, batch.images.device):
            images = self._run(self._before, batch.images.float(), share)
            images, targets = self._warp(images, batch.targets, share)
            images = self._run(self._after, images, share)
        if images.untyped_storage().data_ptr() == batch.images.untyped_storage().data_ptr():
            images = images.clone()
        return replace(batch, images=images.clamp_(0, 1), targets=targets)

    @property
    def divides(self) -> bool:
        """Whether a part of a batch can be augmented without the rest."""
        return all(names is not None for names in self._names.values())

    @cached_property
    def _names(self) -> dict[nn.Module, frozenset[str] | None]:
        return {item: rows_of(item, self._image_size) for item in self._before + self._after}

    def _run(self, modules: list[Module], images: Tensor, share: Share | None) -> Tensor:
        for module in modules:
            if share is None:
                images = module(images)
            else:
                images = run_part(module, self._names[module] or frozenset(), images, share)
        return images

    def _warp(
        self, images: Tensor, targets: Targets, share: Share | None
    ) -> tuple[Tensor, Targets]:
        whole, part = (len(images), slice(None)) if share is None else (share.whole, share.rows)
        matrices = compose(self._geometric, torch.Size((whole, *images.shape[1:])))[part]
        moved = (matrices != torch.eye(3)).flatten(1).any(1)
        if not moved.any():
            return images, targets
        if moved.all():
            return self._warp_all(images, targets, matrices)
        rows = moved.nonzero().flatten().to(images.device)
        warped, new = self._warp_all(images[rows], targets[rows], matrices[moved])
        changed = {"boxes": targets.boxes.index_copy(0, rows, new.boxes)}
        changed["valid"] = targets.valid.index_copy(0, rows, new.valid)
        if targets.masks is not None and new.masks is not None:
            changed["masks"] = targets.masks.index_copy(0, rows, new.masks)
        return images.index_copy(0, rows, warped), replace(targets, **changed)

    def _warp_all(
        self, images: Tensor, targets: Targets, matrices: Tensor
    ) -> tuple[Tensor, Targets]:
        """Warp each image by its matrix, and its masks with it."""
        layers, masks = images, targets.masks
        if masks is not None:
            layers = torch.cat([images, masks.float()], 1)
        layers = resample(layers, matrices)
        channels, size = images.shape[1], (images.shape[-2], images.shape[-1])
        boxes, valid = self._warp_boxes(targets, matrices, size)
        masks = None if masks is None else layers[:, channels:] > 0.5
        return layers[:, :channels], replace(targets, boxes=boxes, valid=valid, masks=masks)

    def _warp_boxes(
        self, targets: Targets, matrices: Tensor, size: tuple[int, int]
    ) -> tuple[Tensor, Tensor]:
        shape: Shape = "rectangle" if self.box_bounds == "rectangle" else "ellipse"
        shown, whole = warped_bounds(box_outlines(targets.boxes, shape), matrices, size)
        if self.box_bounds == "mask" and targets.masks is not None:
            has_mask = targets.masks.flatten(2).any(-1, keepdim=True)
            mask_shown, mask_whole = warped_bounds(mask_outlines(targets.masks), matrices, size)
            shown = torch.where(has_mask, mask_shown, shown)
            whole = torch.where(has_mask, mask_whole, whole)
        valid = targets.valid & _is_visible(shown, whole)
        return torch.where(valid[..., None], shown, 0.0), valid


def compose(modules: Sequence[Module], shape: torch.Size) -> Tensor:
    """Draw the parameters for images of a shape [B, C, H, W], and multiply the modules' matrices.

    Returns:
        float64 [B, 3, 3] on the CPU, for pixel edges; the identity for an image that is skipped.
    """
    # Kornia needs only shape, device and dtype of images: a stand-in without storage keeps these
    # small matrices on the CPU and in double precision.
    stand_in = torch.zeros((), dtype=torch.float64).expand(shape)
    total = torch.eye(3, dtype=torch.float64).expand(shape[0], 3, 3)
    for module in modules:
        parameters = module.forward_parameters(shape)
        total = module.generate_transformation_matrix(stand_in, parameters, module.flags) @ total
    total = centers_to_edges(total)
    affine_row = total.new_tensor([0, 0, 1])
    if (total[:, 2] - affine_row).abs().max() < 1e-9:  # rounding of a crop's solved corners
        total[:, 2] = affine_row
    return total


def _is_visible(shown: Tensor, whole: Tensor) -> Tensor:
    sides = (shown[..., 2:] - shown[..., :2]).amin(-1)
    # NaN, from a shape behind the horizon, compares as False.
    enough = box_algebra.area(shown) >= MIN_VISIBLE * box_algebra.area(whole)
    return (sides >= MIN_SIDE) & enough


@contextmanager
def _keyed_random_numbers(key: Sequence[int], device: torch.device) -> Iterator[None]:
    """Seed the generators that Kornia draws from, and restore them afterwards."""
    seed = int(np.random.SeedSequence(list(key)).generate_state(1, np.uint64)[0])
    accelerators = [] if device.type == "cpu" else [device]
    with torch.random.fork_rng(accelerators, device_type=device.type):
        torch.default_generator.manual_seed(seed)
        if accelerators:
            module = torch.get_device_module(device)
            getattr(module, "manual_seed_all", module.manual_seed)(seed)
        yield
