"""Boxes as files of annotations state them: checked, then made into targets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch

from hdf.boxes import clip
from hdf.files import decimal
from hdf.types import Fault, Target

Box = tuple[float, float, float, float]
"""(x0, y0, x1, y1) on pixel edges."""

MAX_COORDINATE = 1e7
TOLERANCE = 1.0  # pixels by which rounding may put a box outside its frame


def is_coordinate(number: float) -> bool:
    """Whether a number of pixels is finite, and no larger than any image."""
    return abs(number) <= MAX_COORDINATE  # False for NaN


def is_number(value: Any) -> bool:
    """Whether a value of JSON is a number of pixels."""
    return isinstance(value, int | float) and not isinstance(value, bool) and is_coordinate(value)


def number_of(text: str) -> float | None:
    """A plain decimal number of pixels, as a table or an XML file states it; None for all else."""
    try:
        number = decimal(text.strip())
    except ValueError:
        return None
    return number if is_coordinate(number) else None


def from_corner_and_size(x0: float, y0: float, width: float, height: float) -> Box:
    """A box from its upper left corner and its size, rounded to float32."""
    return from_corners(x0, y0, x0 + width, y0 + height)


def from_corners(x0: float, y0: float, x1: float, y1: float) -> Box:
    """A box rounded to float32, as it is compared and stored."""
    x0, y0, x1, y1 = torch.tensor([x0, y0, x1, y1], dtype=torch.float32).tolist()
    return x0, y0, x1, y1


def box_of(corners: Iterable[str]) -> Box | None:
    """The box of the texts (x0, y0, x1, y1); None where one of them is no number of pixels."""
    known = [number for text in corners if (number := number_of(text)) is not None]
    return from_corners(*known) if len(known) == 4 else None


def frame_of(height: str, width: str) -> tuple[int, int] | None:
    """(height, width) from texts; None where they are missing, or 0, as some tools write them."""
    sides = [number_of(text) for text in (height, width)]
    rows, columns = (int(side) if side and side.is_integer() else 0 for side in sides)
    return (rows, columns) if rows > 0 and columns > 0 else None


def misplaced(box: Box, frame: tuple[int, int] | None) -> Iterator[Fault]:
    """Faults of a box: no area, or outside its frame of (height, width) pixels, if known."""
    x0, y0, x1, y1 = box
    shown = f"the box (left {x0:g}, top {y0:g}, right {x1:g}, bottom {y1:g})"
    if x1 <= x0 or y1 <= y0:
        yield Fault(f"{shown} has no area", "box_empty")
    if frame is None:
        return
    height, width = frame
    tolerance = TOLERANCE if max(frame) > 1 else 0.001  # of fractions
    if max(-x0, -y0, x1 - width, y1 - height) > tolerance:
        message = f"{shown} leaves its frame, {width} pixels wide and {height} high"
        yield Fault(message, "box_outside")


def make_target(boxes: Sequence[tuple[Box, str]], frame: tuple[int, int] | None) -> Target:
    """A target of labelled boxes, clipped to their frame."""
    edges = torch.tensor([box for box, _ in boxes], dtype=torch.float32).reshape(-1, 4)
    edges = edges if frame is None else clip(edges, frame)
    return Target(edges, tuple(label for _, label in boxes), frame=frame)
