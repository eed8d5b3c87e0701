"""Reading one sample: image and boxes in network pixels, or what is wrong with it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor

from hdf.boxes import area, clip
from hdf.data.resize import Resize, resize_image
from hdf.errors import Problem, UserError, user_error
from hdf.types import Fault, Geometry, Sample, Target

Result = TypeVar("Result")

TOLERANCE = 1.0
"""Pixels by which a box may reach over the edge of its image: rounding, not a mistake."""


@dataclass(frozen=True)
class Decoded:
    """A sample as the store keeps it.

    Attributes:
        image: uint8 [1, H, W], network pixels.
        geometry: how the image was placed.
        target: the boxes in the pixels of the original image, cut to it; wanted labels only.
    """

    image: Tensor
    geometry: Geometry
    target: Target


@dataclass(frozen=True)
class Placed:
    """An image as a store keeps it: what depends on the files alone, and not on the boxes.

    Attributes:
        image: uint8 [1, H, W], network pixels.
        geometry: how the image was placed.
    """

    image: Tensor
    geometry: Geometry


def decode(
    sample: Sample, labels: tuple[str, ...], size: tuple[int, int], resize: Resize
) -> Decoded:
    """Read one sample.

    Raises:
        UserError: with the sample's own faults, or those of its image and boxes.
    """
    placed = place(sample, size, resize)
    target = target_of(sample, placed.geometry.original_size, labels)
    return Decoded(placed.image, placed.geometry, target)


def place(sample: Sample, size: tuple[int, int], resize: Resize) -> Placed:
    """Read one image, whatever its boxes are.

    Raises:
        UserError: with the sample's own faults, or those of its image.
    """
    placed, geometry = resize_image(read_pixels(sample), size, resize)
    return Placed((placed * 255).round().to(torch.uint8), geometry)


def read_pixels(sample: Sample) -> Tensor:
    """The image as its loader gives it, float32 [1, H, W] in [0, 1].

    Raises:
        UserError: with the sample's own faults, or those of its image.
    """
    if error := fault_of(sample):
        raise error
    with reading(sample):
        pixels = sample.read()
    return _checked(sample, pixels)


def fault_of(sample: Sample) -> UserError | None:
    """A broken sample's faults as an error."""
    faults = [Problem("", fault) for fault in sample.faults]
    return UserError(faults) if faults else None


def attempted(read: Callable[[Sample], Result], sample: Sample) -> Result | UserError:
    """What `read` gives, or the error that it raises."""
    try:
        return read(sample)
    except UserError as error:
        return error


@contextmanager
def reading(sample: Sample, what: str = "") -> Iterator[None]:
    """Name the sample in whatever its loader's functions raise."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        message = f"{what}can't be read: {type(error).__name__}: {error}"
        raise user_error(message, sample.where or sample.id) from error


def _checked(sample: Sample, image: object) -> Tensor:
    where = sample.where or sample.id
    if not isinstance(image, Tensor):
        message = f"the loader gave a {type(image).__name__}, expected a tensor float32 [1, H, W]"
        raise user_error(message, where)
    usable = image.ndim == 3 and image.shape[0] == 1 and image.numel() > 0
    if not usable or image.dtype != torch.float32:
        found = f"{str(image.dtype).removeprefix('torch.')} {list(image.shape)}"
        raise user_error(f"the loader gave an image of {found}, expected float32 [1, H, W]", where)
    low, high = image.aminmax()
    if not (low >= 0 and high <= 1):
        message = f"the loader gave pixels from {low:.4g} to {high:.4g}, expected 0 to 1"
        raise user_error(message, where)
    return image


def kept_boxes(target: Target | None, labels: tuple[str, ...]) -> list[int]:
    """The positions of the boxes of wanted labels."""
    names = target.labels if target else ()
    return [index for index, label in enumerate(names) if label in labels]


def target_of(sample: Sample, original: tuple[int, int], labels: tuple[str, ...]) -> Target:
    """The wanted boxes in original pixels.

    Args:
        original: (height, width) of the image as read.

    Raises:
        UserError: with the faults of all boxes.
    """
    if sample.target is None:
        return Target(torch.zeros(0, 4), ())
    kept = kept_boxes(sample.target, labels)
    names = tuple(sample.target.labels[index] for index in kept)
    boxes = in_original_pixels(sample.target, original)[kept]
    faults = [box_fault(box, label, original) for box, label in zip(boxes, names, strict=True)]
    if any(faults):
        where = sample.where or sample.id
        raise UserError(Problem(where, fault) for fault in faults if fault)
    return Target(clip(boxes, original), names)


def in_original_pixels(target: Target, original: tuple[int, int]) -> Tensor:
    """Boxes float32 [N, 4] in the pixels of an image of (height, width)."""
    boxes = target.boxes.float()
    if target.frame is None:
        return boxes
    ratio_y, ratio_x = original[0] / target.frame[0], original[1] / target.frame[1]
    return boxes * boxes.new_tensor([ratio_x, ratio_y, ratio_x, ratio_y])


def box_fault(box: Tensor, label: str, original: tuple[int, int]) -> Fault:
    """What is wrong with a box [4] in an image of (height, width) pixels; empty if nothing."""
    height, width = original
    x0, y0, x1, y1 = box.tolist()
    shown = f"the {label} box ({x0:g}, {y0:g}, {x1:g}, {y1:g})"
    if not (x1 > x0 and y1 > y0):
        return Fault(f"{shown} has no area; expected x0 < x1 and y0 < y1", "box_empty")
    over = max(-x0, -y0, x1 - width, y1 - height)
    if over > TOLERANCE or not area(clip(box, original)):
        message = f"{shown} reaches outside its image of {width} x {height} pixels"
        return Fault(message, "box_outside")
    return Fault("")
