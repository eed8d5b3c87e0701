"""A reviewer's decision about an image, as the page sends it and as the journal stores it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Edge = Annotated[float, Field(allow_inf_nan=False)]
Box = tuple[Edge, Edge, Edge, Edge]
Boxes = dict[str, Box]
State = Literal["open", "accepted", "flagged"]

SMALLEST = 1.0
"""The least width and height of a box, pixels."""
TOLERANCE = 0.01
"""How far an edge may lie outside the image because of rounding, pixels."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Decision(_Model):
    """A decision about an image.

    Attributes:
        id: made by the page, so that a change that is sent twice is saved once.
        name: of the image, as `hdf.inference.sources.ImagePath` has it.
        boxes: by label, (x0, y0, x1, y1) on pixel edges of the original image.
        note: the reviewer's comment.
    """

    id: str = Field(pattern=r"^[0-9a-f-]{8,64}$")
    name: str
    state: State
    boxes: Boxes
    note: str = Field(default="", max_length=500)


class Change(Decision):
    """A decision that the page asks to save.

    Attributes:
        base: the revision that the page had loaded; 0 if there was none.
    """

    base: int = Field(ge=0)


class Entry(Decision):
    """A decision in the journal.

    Attributes:
        revision: number of this decision about the image, from 1.
        size: (height, width) of the image.
        corrected: whether the boxes differ from the model's.
    """

    revision: int = Field(ge=1)
    size: tuple[int, int]
    corrected: bool


class Written(_Model):
    """The last written state of the tables: SHA-256 of each file, empty if there is none."""

    table: str
    flagged: str


def fault_of(change: Change, size: tuple[int, int], labels: tuple[str, ...]) -> str:
    """Why a change is not valid; empty if it is.

    Args:
        size: (height, width) of the image.
        labels: the allowed labels.
    """
    height, width = size
    unknown = sorted(change.boxes.keys() - set(labels))
    if unknown:
        return f"the model has no label {unknown[0]!r}"
    if change.state == "accepted" and not change.boxes:
        return "an accepted image needs a box; flag the image instead"
    for label, (x0, y0, x1, y1) in change.boxes.items():
        if x1 - x0 < SMALLEST or y1 - y0 < SMALLEST:
            return f"the box of {label} is too small"
        if max(-x0, -y0, x1 - width, y1 - height) > TOLERANCE:
            return f"the box of {label} leaves the image"
    return ""
