"""What a run would refuse: bad records, unreadable files, boxes that can't be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor

from hdf.data.decode import box_fault, in_original_pixels
from hdf.data.store import Skipped, Store
from hdf.tools.audit.finding import KINDS, Finding
from hdf.types import Sample, kind_of


@dataclass(frozen=True)
class Box:
    """A box that lies within its image.

    Attributes:
        image: the position of its image in the store.
        edges: float32 [4], (x0, y0, x1, y1) as fractions of the image.
    """

    image: int
    source: str
    label: str
    edges: Tensor


def find_bad_records(samples: Sequence[Sample], bad: Iterable[Skipped]) -> Iterator[Finding]:
    """What the loader could not use, and the files that it could not read."""
    for sample in samples:
        for fault in sample.faults:
            kind = kind_of(fault) if kind_of(fault) in KINDS else "record"
            yield Finding(sample.id, kind, "severe", str(fault))
    faulty = {sample.id for sample in samples if sample.faults}
    for name, error in bad:
        if name not in faulty:
            yield Finding(name, "unreadable", "severe", "; ".join(map(str, error.problems)))


def find_bad_boxes(store: Store, samples: Sequence[Sample]) -> tuple[list[Finding], list[Box]]:
    """Boxes without area or outside their image, and the rest, for further checks.

    Args:
        store: the images.
        samples: the store's, with their targets.
    """
    findings: list[Finding] = []
    sound: list[Box] = []
    for image, sample in enumerate(samples):
        if sample.target is None:
            continue
        height, width = store.geometry[image].original_size
        boxes = in_original_pixels(sample.target, (height, width))
        for box, label in zip(boxes, sample.target.labels, strict=True):
            if label not in store.labels:
                continue
            if fault := box_fault(box, label, (height, width)):
                detail = f"{sample.where or sample.id}: {fault}"
                findings.append(Finding(sample.id, kind_of(fault), "severe", detail))
            else:
                edges = box / box.new_tensor([width, height, width, height])
                sound.append(Box(image, sample.source, label, edges))
    return findings, sound


def find_absent_labels(labels: Sequence[str], boxes: Iterable[Box]) -> Iterator[Finding]:
    """Wanted labels of which no image has a sound box."""
    found = {box.label for box in boxes}
    for label in labels:
        if label not in found:
            detail = f"no image has a box of {label!r} that can be used"
            yield Finding("", "label", "severe", detail)
