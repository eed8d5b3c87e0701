"""Boxes as tables and files of annotations state them, checked, and the samples they make."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch

from hdf import Sample
from hdf.boxes import clip
from hdf.files import decimal
from hdf.images import stem_of
from hdf.types import Fault, Target
from hdf_plugins.loaders.folders import Folder, opened

Box = tuple[float, float, float, float]
"""(x0, y0, x1, y1) on pixel edges."""
Frame = tuple[int, int] | None
"""(height, width) of what boxes are measured in; None for the image itself."""

MAX_COORDINATE = 1e7
TOLERANCE = 1.0  # pixels by which rounding may put a box outside its frame


@dataclass(slots=True)
class Annotated:
    """What one entry of a table or of annotations says of one image.

    Attributes:
        where: the file and the entry, for messages.
        name: of the image's file; empty where it can't be used.
        frame: of `boxes`.
        patient: whose image it is; empty where nothing says so.
        boxes: with their labels.
        faults: of the entry and of its boxes.
        cells: of a table's row, by the names in the header.
    """

    where: str
    name: str = ""
    frame: Frame = None
    patient: str = ""
    boxes: list[tuple[Box, str]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    cells: dict[str, str] = field(default_factory=dict)

    def refuse(self, *faults: str) -> None:
        """Add faults of the entry itself."""
        self.faults += (Fault.at(self.where, fault) for fault in faults)

    def add(self, where: str, box: Box, label: str) -> None:
        """Add a box, or what is wrong with it, at its own place."""
        faults = list(misplaced(box, self.frame))
        faults += [] if label else [Fault("the label is empty")]
        self.faults += (Fault.at(where, fault) for fault in faults)
        self.boxes += [] if faults else [(box, label)]


Images = dict[str, tuple[list[Path], list[Annotated]]]
"""By the ids of images: their files, and all that is said of them."""


def by_image(folder: Folder, entries: Iterable[Annotated]) -> Images:
    """Find the image of each entry; one without an image, or with several, gets a fault."""
    images: Images = {}
    for entry in entries:
        found = folder.find(entry.name) if entry.name else []
        id = folder.id_of(found[0]) if found else stem_of(entry.name) or entry.where
        paths, said = images.setdefault(id, ([], []))
        paths += (path for path in found if path not in paths)
        said.append(entry)
        if len(paths) > 1:
            names = " and ".join(path.relative_to(folder.path).as_posix() for path in paths)
            entry.refuse(f"{entry.name[:80]!r} may be {names}; keep one of them")
        elif entry.name and not found:
            entry.refuse(f"there is no image {entry.name[:80]!r} in {folder.path}")
        elif not (entry.name or entry.faults):
            entry.refuse("the image's name is missing, empty or not printable")
    return images


class AnnotationLoader:
    """Images of a folder that annotations name; those that they don't name are left out."""

    def __init__(self, *, images: Path, annotations: Path) -> None:
        self.images, self.annotations = Path(images), Path(annotations)

    def read(self, folder: Folder) -> Iterable[Annotated]:
        """What the annotations say of images that the folder may hold.

        Raises:
            UserError: they can't be used at all, with all reasons.
        """
        raise NotImplementedError

    def records(self) -> list[Sample]:
        """One sample an image, in the order of their ids, and one an annotation of no image."""
        folder, entries = opened(self.images, self.read)
        found = by_image(folder, entries)
        return [_sample(folder, id, *found[id]) for id in sorted(found)]


def _sample(folder: Folder, id: str, paths: list[Path], entries: list[Annotated]) -> Sample:
    image, *others = entries
    for entry in others:
        entry.refuse(f"another image has this file, see {image.where}")
    if faults := [fault for entry in entries for fault in entry.faults]:
        return Sample.broken(id, *faults)
    target = make_target(image.boxes, image.frame)
    return folder.sample(id, paths[0], image.where, target, patient=image.patient)


def is_number(value: Any) -> bool:
    """Whether a value of JSON is a number of pixels."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and abs(value) <= MAX_COORDINATE  # which NaN is not


def number_of(text: str) -> float | None:
    """A plain decimal number of pixels, as a table or an XML file states it; None for all else."""
    try:
        number = decimal(text.strip())
    except ValueError:
        return None
    return number if is_number(number) else None


def from_corners(x0: float, y0: float, x1: float, y1: float) -> Box:
    """A box rounded to float32, as it is compared and stored."""
    x0, y0, x1, y1 = torch.tensor([x0, y0, x1, y1], dtype=torch.float32).tolist()
    return x0, y0, x1, y1


def from_size(x0: float, y0: float, width: float, height: float) -> Box:
    """A box from its upper left corner and its size."""
    return from_corners(x0, y0, x0 + width, y0 + height)


def from_center(x: float, y: float, width: float, height: float) -> Box:
    """A box from its centre and its size."""
    return from_size(x - width / 2, y - height / 2, width, height)


def box_of(corners: Iterable[str]) -> Box | None:
    """The box of the texts (x0, y0, x1, y1); None where one of them is no number of pixels."""
    known = [number for text in corners if (number := number_of(text)) is not None]
    return from_corners(*known) if len(known) == 4 else None


def frame_of(height: str, width: str) -> Frame:
    """The frame of two texts; None where they are missing, or 0, as some tools write them."""
    sides = [number_of(text) for text in (height, width)]
    rows, columns = (int(side) if side and side.is_integer() else 0 for side in sides)
    return (rows, columns) if rows > 0 and columns > 0 else None


def misplaced(box: Box, frame: Frame) -> Iterator[Fault]:
    """Faults of a box: no area, or outside its frame."""
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


def make_target(boxes: Sequence[tuple[Box, str]], frame: Frame) -> Target:
    """A target of labelled boxes, clipped to their frame."""
    edges = torch.tensor([box for box, _ in boxes], dtype=torch.float32).reshape(-1, 4)
    edges = edges if frame is None else clip(edges, frame)
    return Target(edges, tuple(label for _, label in boxes), frame=frame)
