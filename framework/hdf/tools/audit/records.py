"""What a run refuses: bad records, unreadable files, impossible boxes, mistakes in the split."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from torch import Tensor

from hdf.data.decode import box_fault, frame_fault, in_original_pixels
from hdf.data.split import Split, assign, shared_groups
from hdf.data.store import Skipped, Store
from hdf.errors import UserError
from hdf.recipe.splits import AnySplit, FoldSplit
from hdf.tools.audit import KINDS, Finding, listed
from hdf.types import Sample, kind_of


@dataclass(frozen=True)
class Box:
    """A box within its image, by the image's position in the store.

    ``edges`` are float32 [4], (x0, y0, x1, y1) as fractions of the image.
    """

    image: int
    source: str
    label: str
    edges: Tensor


def find_bad_records(samples: Sequence[Sample], bad: Iterable[Skipped]) -> Iterator[Finding]:
    """Faults that the loader states, and images that can't be read."""
    faulty = {sample.id for sample in samples if sample.faults}
    for sample in samples:
        for fault in sample.faults:
            kind = kind_of(fault) if kind_of(fault) in KINDS else "record"
            yield Finding(sample.id, kind, "severe", str(fault))
    for name, error in bad:
        if name not in faulty:
            yield Finding(name, "unreadable", "severe", "; ".join(map(str, error.problems)))


def find_bad_boxes(store: Store, samples: Sequence[Sample]) -> tuple[list[Finding], list[Box]]:
    """Boxes without area or outside their image, labels without a sound box; and the sound boxes.

    The samples are the store's, with their targets.
    """
    findings: list[Finding] = []
    sound: list[Box] = []
    for image, sample in enumerate(samples):
        if sample.target is None:
            continue
        height, width = size = store.geometry[image].original_size
        faults = [frame_fault(sample.target, size)]
        boxes = in_original_pixels(sample.target, size)
        named = zip(boxes, sample.target.labels, strict=True) if not faults[0] else ()
        for box, label in named:
            if label not in store.labels:
                continue
            faults.append(box_fault(box, label, size))
            if not faults[-1]:
                edges = box / box.new_tensor([width, height, width, height])
                sound.append(Box(image, sample.source, label, edges))
        for fault in filter(None, faults):
            detail = f"{sample.where or sample.id}: {fault}"
            findings.append(Finding(sample.id, kind_of(fault), "severe", detail))
    for label in [name for name in store.labels if name not in {box.label for box in sound}]:
        detail = f"no image has a box of {label!r} that can be used"
        findings.append(Finding("", "label", "severe", detail))
    return findings, sound


def parts_of(samples: Sequence[Sample], split: AnySplit, seed: int) -> list[str]:
    """The part of each sample: ``fold 0``, ``fold 1`` …, or ``train``, ``val``, ``inner``.

    ``unused`` if the split can't be made.
    """
    if isinstance(split, FoldSplit):
        parts = [""] * len(samples)
        for fold in range(split.folds):
            sides, _ = assign(samples, split.model_copy(update={"fold": fold, "inner": None}), seed)
            for index in sides.val:
                parts[index] = f"fold {fold}"
        return parts
    try:
        return assign(samples, split, seed)[0].sides(len(samples))
    except UserError:
        return ["unused"] * len(samples)


def find_bad_splits(samples: Sequence[Sample], split: AnySplit, seed: int) -> Iterator[Finding]:
    """Names without an image, empty sides, and patients on both sides."""
    try:
        sides, problems = assign(samples, split, seed)
    except UserError as error:
        for problem in error.problems:
            yield Finding("", "split", "severe", str(problem))
        return
    for problem in problems:
        yield Finding("", "split", "severe", str(problem))
    parts = set(parts_of(samples, split, seed))
    folds = [f"fold {fold}" for fold in range(split.folds if isinstance(split, FoldSplit) else 0)]
    for name in folds or ("train", "val"):
        if not problems and name not in parts:
            yield Finding("", "split", "severe", f"the side {name} is empty")
    yield from _shared_patients(samples, sides)


def _shared_patients(samples: Sequence[Sample], split: Split) -> Iterator[Finding]:
    """One finding for each patient, with the images on the other side first."""
    images: dict[str, dict[str, str]] = defaultdict(dict)
    for side in ("train", "inner", "val"):
        for index in getattr(split, side):
            of_one, name = images[samples[index].group], samples[index].id
            of_one[name] = f"{of_one[name]} and {side}" if name in of_one else side
    shared = set(shared_groups(samples, split))
    for group in (group for group in images if group in shared):
        (name, where), *others = images[group].items()
        others.sort(key=lambda other: other[1] == where)
        told = listed([f"{other} in {there}" for other, there in others])
        detail = f"is in {where}" + (f"; the same patient has {told}" if others else "")
        names = tuple(other for other, _ in others)
        yield Finding(name, "patient_on_both_sides", "severe", detail, names)
