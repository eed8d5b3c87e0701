"""Mistakes in the split: patients on both sides, names without an image."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from hdf.data.split import Split, assign, shared_groups
from hdf.errors import UserError
from hdf.recipe.splits import AnySplit, FoldSplit
from hdf.tools.audit.finding import Finding
from hdf.types import Sample


def parts_of(samples: Sequence[Sample], split: AnySplit, seed: int) -> list[str]:
    """The part of each sample: ``fold 0``, ``fold 1`` …, or ``train``, ``val``, ``inner``.

    Samples of different folds are on different sides in a cross-validation. ``unused`` if the
    split can't be made.
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


def _sides_of(split: AnySplit) -> list[str]:
    if isinstance(split, FoldSplit):
        return [f"fold {fold}" for fold in range(split.folds)]
    return ["train", "val"]


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
    for name in _sides_of(split):
        if not problems and name not in parts:
            yield Finding("", "split", "severe", f"the side {name} is empty")
    yield from _shared_patients(samples, sides)


def _shared_patients(samples: Sequence[Sample], sides: Split) -> Iterator[Finding]:
    shared = set(shared_groups(samples, sides))
    images: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for sample, side in zip(samples, sides.sides(len(samples)), strict=True):
        if sample.group in shared and side != "unused":
            images[sample.group].append((sample.id, side))
    for of_one in images.values():
        for name, side in of_one:
            others = [(other, where) for other, where in of_one if where != side]
            names = _listed([f"{other} in {where}" for other, where in others])
            detail = f"is in {side}; the same patient has {names}"
            if not others:
                detail = "is in the training and in the validation list"
            beside = tuple(other for other, _ in others)
            yield Finding(name, "patient_on_both_sides", "severe", detail, beside)


def _listed(names: Sequence[str], most: int = 4) -> str:
    """Names in a sentence; the first few of many."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
