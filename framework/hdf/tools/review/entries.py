"""What a person decided about an image, as the page sends it and as the journal keeps it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Edge = Annotated[float, Field(allow_inf_nan=False)]
Box = tuple[Edge, Edge, Edge, Edge]
Boxes = dict[str, Box]
State = Literal["open", "accepted", "flagged"]

SMALLEST = 1.0
"""Pixels that a box is at least wide and high."""
TOLERANCE = 0.01
"""Pixels that an edge may lie outside of its image: rounding."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Decision(_Model):
    """An image as a person left it.

    Attributes:
        id: made by the page, so that a change that is sent twice counts once.
        name: of the image, as `hdf.inference.sources.ImagePath` has it.
        boxes: by label, (x0, y0, x1, y1) on pixel edges of the original image.
        note: what the person wrote about it.
    """

    id: str = Field(pattern=r"^[0-9a-f-]{8,64}$")
    name: str
    state: State
    boxes: Boxes
    note: str = Field(default="", max_length=500)


class Change(Decision):
    """A decision that the page wants kept.

    Attributes:
        base: the revision that the person saw; 0 where there was none.
    """

    base: int = Field(ge=0)


class Entry(Decision):
    """A decision in the journal.

    Attributes:
        revision: counts the decisions about this image from 1.
        size: (height, width) of the image.
        corrected: whether the boxes differ from those that the model found.
    """

    revision: int = Field(ge=1)
    size: tuple[int, int]
    corrected: bool


class Written(_Model):
    """The tables as they were last written: SHA-256 of each file, empty where there is none."""

    table: str
    flagged: str


def fault_of(change: Change, size: tuple[int, int], labels: tuple[str, ...]) -> str:
    """Why a change can't be kept; empty where it can.

    Args:
        size: (height, width) of the image.
        labels: those that a box may have.
    """
    height, width = size
    unknown = sorted(change.boxes.keys() - set(labels))
    if unknown:
        return f"the model knows no {unknown[0]!r}"
    if change.state == "accepted" and not change.boxes:
        return "an accepted image needs a box; flag the image instead"
    for label, (x0, y0, x1, y1) in change.boxes.items():
        if x1 - x0 < SMALLEST or y1 - y0 < SMALLEST:
            return f"the box of {label} is too small"
        if max(-x0, -y0, x1 - width, y1 - height) > TOLERANCE:
            return f"the box of {label} leaves the image"
    return ""
