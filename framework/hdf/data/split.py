"""Which samples are trained on and which are reported; a patient is never on both sides."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hdf.errors import Problem, UserError, user_error
from hdf.recipe.schema import FoldSplit, FractionSplit, Lists, ListSplit
from hdf.types import Sample


@dataclass(frozen=True)
class Split:
    """Positions in the store.

    Attributes:
        train: what is learned from.
        val: what is reported, and never used to choose anything.
        inner: what chooses ``best``; empty unless the recipe asks for it.
    """

    train: list[int]
    val: list[int]
    inner: list[int]

    def sides(self, count: int) -> list[str]:
        """The side of each of `count` samples: ``train``, ``val``, ``inner`` or ``unused``."""
        names = ["unused"] * count
        for side in ("train", "val", "inner"):
            for index in getattr(self, side):
                names[index] = side
        return names


def split_samples(
    samples: Sequence[Sample], split: FractionSplit | FoldSplit | ListSplit, seed: int
) -> Split:
    """Split by patient.

    Raises:
        UserError: a side would be empty, or a list names what is not there.
    """
    groups = [sample.group for sample in samples]
    if isinstance(split, ListSplit):
        train, val = _by_lists(samples, split.lists)
    else:
        chosen = (
            _fold(groups, split) if isinstance(split, FoldSplit) else _part(groups, split.val, seed)
        )
        val = [index for index, group in enumerate(groups) if group in chosen]
        train = [index for index, group in enumerate(groups) if group not in chosen]
    inner: list[int] = []
    if split.inner is not None and train:
        kept = _part([groups[index] for index in train], split.inner, seed + 1)
        inner = [index for index in train if groups[index] in kept]
        train = [index for index in train if groups[index] not in kept]
    _refuse_empty(train, val, len(set(groups)))
    return Split(train, val, inner)


def _fold(groups: Sequence[str], split: FoldSplit) -> set[str]:
    return set(sorted(set(groups))[split.fold :: split.folds])


def _part(groups: Sequence[str], fraction: float, seed: int) -> set[str]:
    names = sorted(set(groups))
    count = math.ceil(fraction * len(names) - 1e-9)
    order = np.random.default_rng([seed, len(names)]).permutation(len(names))
    return {names[index] for index in order[:count]}


def _by_lists(samples: Sequence[Sample], lists: Lists) -> tuple[list[int], list[int]]:
    position = {sample.id: index for index, sample in enumerate(samples)}
    problems: list[Problem] = []
    sides = []
    for file in (lists.train, lists.val):
        side = []
        for line, name in _names(Path(file)):
            if name in position:
                side.append(position[name])
            else:
                problems.append(Problem(f"{file}:{line}", f"no image is called {name!r}"))
        sides.append(side)
    train, val = sides
    problems += _on_both_sides(samples, train, val, lists)
    if problems:
        raise UserError(problems)
    return sorted(set(train)), sorted(set(val))


def _names(file: Path) -> list[tuple[int, str]]:
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise user_error(f"the list can't be read: {error}", where=str(file)) from error
    return [(number, line.strip()) for number, line in enumerate(lines, 1) if line.strip()]


def _on_both_sides(
    samples: Sequence[Sample], train: list[int], val: list[int], lists: Lists
) -> list[Problem]:
    both = {samples[i].group for i in train} & {samples[i].group for i in val}
    message = "this patient is in the training and in the validation list"
    return [Problem(f"{lists.val}: {group}", message) for group in sorted(both)]


def _refuse_empty(train: list[int], val: list[int], groups: int) -> None:
    empty = " and ".join(n for n, side in (("training", train), ("validation", val)) if not side)
    if empty:
        message = f"the split leaves nothing for {empty}; the data set has {groups} patients"
        raise user_error(message)
