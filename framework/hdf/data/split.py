"""Which samples are for training and which for validation; a patient is never in both."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hdf.errors import Problem, UserError, user_error
from hdf.files.atomic import read_text
from hdf.recipe.splits import AnySplit, EndsSplit, FoldSplit, ListSplit
from hdf.types import Sample

MOST_BYTES = 100_000_000
"""The largest list of images."""


@dataclass(frozen=True)
class Split:
    """Positions in the store.

    Attributes:
        train: to learn from.
        val: to report scores on; never used to choose anything.
        inner: to choose ``best`` by; empty unless the recipe asks for it.
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


def split_samples(samples: Sequence[Sample], split: AnySplit, seed: int) -> Split:
    """Split by patient; folds and random parts take their share of each source.

    Raises:
        UserError: a side would be empty, a list names an image that does not exist, or a patient
            would be on both sides.
    """
    sides, problems = assign(samples, split, seed)
    problems += _leaks(samples, sides, split)
    if problems:
        raise UserError(problems)
    required = (("training", sides.train), ("validation", sides.val))
    empty = " and ".join(name for name, side in required if not side)
    if empty:
        groups = len({sample.group for sample in samples})
        many = isinstance(split, FoldSplit) and split.folds > groups
        cure = f"; take at most {groups} folds" if many else ""
        message = f"the split leaves nothing for {empty}; the data set has {groups} patients{cure}"
        raise user_error(message)
    return sides


def assign(samples: Sequence[Sample], split: AnySplit, seed: int) -> tuple[Split, list[Problem]]:
    """The sides that the recipe states, whatever is on them; a problem for each unknown name."""
    groups = [sample.group for sample in samples]
    problems: list[Problem] = []
    if isinstance(split, ListSplit):
        files = split.lists.train, split.lists.val
        train, val = (_listed(samples, file, problems) for file in files)
    elif isinstance(split, EndsSplit):
        train, val = _ends(samples, split, problems)
    else:
        if isinstance(split, FoldSplit):
            chosen = _fold(samples, split)
        else:
            chosen = _part(samples, split.val, seed)
        val = [index for index, group in enumerate(groups) if group in chosen]
        train = [index for index, group in enumerate(groups) if group not in chosen]
    inner: list[int] = []
    if split.inner is not None and train:
        kept = _part([samples[index] for index in train], split.inner, seed + 1)
        inner = [index for index in train if groups[index] in kept]
        train = [index for index in train if groups[index] not in kept]
    return Split(train, val, inner), problems


def shared_groups(samples: Sequence[Sample], split: Split) -> list[str]:
    """The patients with images for both training and validation, sorted."""
    learned = {samples[index].group for index in [*split.train, *split.inner]}
    return sorted(learned & {samples[index].group for index in split.val})


def _leaks(samples: Sequence[Sample], sides: Split, split: AnySplit) -> list[Problem]:
    where, advice = "", "change the numbers, or use lists"
    if isinstance(split, ListSplit):
        where, advice = split.lists.val, "take one of them out of its list"
    problems = []
    for group in shared_groups(samples, sides):
        train, val = (
            next(samples[index].id for index in side if samples[index].group == group)
            for side in ([*sides.train, *sides.inner], sides.val)
        )
        message = f"{val!r} is for validation and {train!r} for training, of one patient; {advice}"
        problems.append(Problem(where, message))
    return problems


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
    counts = _shares([len(names) for names in strata], fraction)
    return {
        names[index]
        for names, count in zip(strata, counts, strict=True)
        for index in rng.permutation(len(names))[:count]
    }


def _shares(sizes: Sequence[int], fraction: float) -> list[int]:
    """How many of each stratum: all together rounded up, by the largest remainders (Hamilton)."""
    exact = [fraction * size for size in sizes]
    shares = [math.floor(share + 1e-9) for share in exact]
    missing = math.ceil(sum(exact) - 1e-9) - sum(shares)
    by_remainder = sorted(range(len(sizes)), key=lambda i: shares[i] - exact[i])
    for index in by_remainder[:missing]:
        shares[index] += 1
    return shares


def _ends(
    samples: Sequence[Sample], split: EndsSplit, problems: list[Problem]
) -> tuple[list[int], list[int]]:
    if split.first + split.last > len(samples):
        overlap = f"first: {split.first} and last: {split.last} overlap"
        problems.append(Problem("", f"{overlap}; the data set has {len(samples)} images"))
        return [], []
    order = sorted(range(len(samples)), key=lambda index: samples[index].id)
    return sorted(order[: split.first]), sorted(order[-split.last :])


def _listed(samples: Sequence[Sample], file: str, problems: list[Problem]) -> list[int]:
    position = {sample.id: index for index, sample in enumerate(samples)}
    side = set()
    lines = read_text(Path(file), MOST_BYTES).splitlines()
    for line, name in enumerate(map(str.strip, lines), 1):
        if name in position:
            side.add(position[name])
        elif name:
            problems.append(Problem(f"{file}:{line}", f"no image is called {name!r}"))
    return sorted(side)
