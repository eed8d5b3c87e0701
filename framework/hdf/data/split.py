"""Which samples are trained on and which are reported; a patient is never on both sides."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hdf.errors import Problem, UserError, user_error
from hdf.recipe.schema import EndsSplit, FoldSplit, FractionSplit, Lists, ListSplit
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


AnySplit = FractionSplit | FoldSplit | ListSplit | EndsSplit


def split_samples(samples: Sequence[Sample], split: AnySplit, seed: int) -> Split:
    """Split by patient; folds and random parts take their share of each source.

    Raises:
        UserError: a side would be empty, a list names what is not there, or a patient would be on
            both sides.
    """
    groups = [sample.group for sample in samples]
    if isinstance(split, ListSplit):
        train, val = _by_lists(samples, split.lists)
    elif isinstance(split, EndsSplit):
        train, val = _ends(samples, split)
    else:
        chosen = (
            _fold(samples, split)
            if isinstance(split, FoldSplit)
            else _part(samples, split.val, seed)
        )
        val = [index for index, group in enumerate(groups) if group in chosen]
        train = [index for index, group in enumerate(groups) if group not in chosen]
    inner: list[int] = []
    if split.inner is not None and train:
        kept = _part([samples[index] for index in train], split.inner, seed + 1)
        inner = [index for index in train if groups[index] in kept]
        train = [index for index in train if groups[index] not in kept]
    _refuse_empty(train, val, len(set(groups)))
    return Split(train, val, inner)


def _strata(samples: Sequence[Sample]) -> list[list[str]]:
    """The groups of each source, sorted; those of several sources follow their first source's."""
    sources: dict[str, set[str]] = defaultdict(set)
    for sample in samples:
        sources[sample.group].add(sample.source)
    strata: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for group in sorted(sources):
        strata[tuple(sorted(sources[group]))].append(group)
    return [strata[key] for key in sorted(strata)]


def _fold(samples: Sequence[Sample], split: FoldSplit) -> set[str]:
    # Dealing goes on from one source to the next, so that the folds' sizes differ by one at most.
    dealt = [group for stratum in _strata(samples) for group in stratum]
    return set(dealt[split.fold :: split.folds])


def _part(samples: Sequence[Sample], fraction: float, seed: int) -> set[str]:
    strata = _strata(samples)
    rng = np.random.default_rng([seed, sum(map(len, strata))])
    chosen: set[str] = set()
    for names, count in zip(
        strata, _shares([len(names) for names in strata], fraction), strict=True
    ):
        order = rng.permutation(len(names))
        chosen |= {names[index] for index in order[:count]}
    return chosen


def _shares(sizes: Sequence[int], fraction: float) -> list[int]:
    """How many of each stratum: all together rounded up, by the largest remainders (Hamilton)."""
    exact = [fraction * size for size in sizes]
    shares = [math.floor(share + 1e-9) for share in exact]
    missing = math.ceil(sum(exact) - 1e-9) - sum(shares)
    by_remainder = sorted(range(len(sizes)), key=lambda i: shares[i] - exact[i])
    for index in by_remainder[:missing]:
        shares[index] += 1
    return shares


def _ends(samples: Sequence[Sample], split: EndsSplit) -> tuple[list[int], list[int]]:
    if split.first + split.last > len(samples):
        message = (
            f"first: {split.first} and last: {split.last} overlap; "
            f"the data set has {len(samples)} images"
        )
        raise user_error(message)
    order = sorted(range(len(samples)), key=lambda index: samples[index].id)
    train, val = order[: split.first], order[-split.last :]
    both = {samples[index].group for index in train} & {samples[index].group for index in val}
    if both:
        message = "is among the first and among the last images; change the numbers, or use lists"
        raise UserError(Problem("", f"the patient {group!r} {message}") for group in sorted(both))
    return sorted(train), sorted(val)


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
