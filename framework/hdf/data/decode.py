"""Reading one sample: its image in the network's size, its boxes in original pixels, its faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor

from hdf.boxes import area, clip
from hdf.data.resize import Resize, resize_image
from hdf.errors import Problem, UserError, user_error
from hdf.types import Fault, Geometry, Sample, Target

Result = TypeVar("Result")

TOLERANCE = 1.0
"""Pixels by which rounding may put a box outside its image."""
FAR = 0.1
"""The share of an image's longer side by which no hand slips."""
FRAME_ADVICE = (
    "; if it was drawn on an image of another size, say so with the table's columns img_shape_x "
    "and img_shape_y, or with the loader's option `frame`"
)


def decode(sample: Sample, size: tuple[int, int], resize: Resize) -> tuple[Tensor, Geometry]:
    """One image as a store keeps it, uint8 [1, *size]; UserErrors as of `read_pixels`."""
    resized, geometry = resize_image(read_pixels(sample), size, resize)
    return (resized * 255).round().to(torch.uint8), geometry


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
    """What `read` returns, or the `UserError` that it raises."""
    try:
        return read(sample)
    except UserError as error:
        return error


@contextmanager
def reading(sample: Sample, what: str = "") -> Iterator[None]:
    """Turn whatever the loader's functions raise into an error that names the sample."""
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
    """The positions of the boxes whose label is one of `labels`."""
    names = target.labels if target else ()
    return [index for index, label in enumerate(names) if label in labels]


def target_of(sample: Sample, original: tuple[int, int], labels: tuple[str, ...]) -> Target:
    """The boxes of these labels in original pixels, clipped to the image.

    Args:
        original: (height, width) of the image as read.

    Raises:
        UserError: with the faults of all boxes.
    """
    if sample.target is None:
        return Target(torch.zeros(0, 4), ())
    if fault := frame_fault(sample.target, original):
        raise user_error(fault, sample.where or sample.id)
    kept = kept_boxes(sample.target, labels)
    names = tuple(sample.target.labels[index] for index in kept)
    boxes = in_original_pixels(sample.target, original)[kept]
    faults = [box_fault(box, label, original) for box, label in zip(boxes, names, strict=True)]
    if any(faults):
        where = sample.where or sample.id
        raise UserError(Problem(where, fault) for fault in faults if fault)
    return Target(clip(boxes, original), names)


def frame_fault(target: Target, original: tuple[int, int]) -> Fault:
    """The fault of boxes that were drawn before the image's orientation tag turned it."""
    height, width = original
    if target.frame != (width, height) or height == width:
        return Fault("")
    return Fault(
        f"the boxes were drawn on an image of {height} x {width} pixels, which its orientation tag "
        f"turns to {width} x {height}; draw them on the turned image, or remove the tag",
        "box_outside",
    )


def in_original_pixels(target: Target, original: tuple[int, int]) -> Tensor:
    """Boxes float32 [N, 4] in the pixels of an image of (height, width)."""
    boxes = target.boxes.float()
    if target.frame is None:
        return boxes
    ratio_y, ratio_x = original[0] / target.frame[0], original[1] / target.frame[1]
    return boxes * boxes.new_tensor([ratio_x, ratio_y, ratio_x, ratio_y])


def box_fault(box: Tensor, label: str, original: tuple[int, int]) -> Fault:
    """The fault of a box [4] in an image of (height, width) pixels; empty if there is none."""
    height, width = original
    x0, y0, x1, y1 = box.tolist()
    shown = f"the {label} box ({x0:g}, {y0:g}, {x1:g}, {y1:g})"
    if not (x1 > x0 and y1 > y0):
        return Fault(f"{shown} has no area; expected x0 < x1 and y0 < y1", "box_empty")
    over = max(-x0, -y0, x1 - width, y1 - height)
    if over > TOLERANCE or not area(clip(box, original)):
        message = f"{shown} reaches outside its image of {width} x {height} pixels"
        far = over > FAR * max(width, height)
        return Fault(f"{message}{FRAME_ADVICE if far else ''}", "box_outside")
    return Fault("")
