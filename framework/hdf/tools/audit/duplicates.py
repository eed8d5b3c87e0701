"""Images that are there twice, or nearly so, whatever was done to one of them.

Radiographs of different people are alike, so likeness is measured in the structure that is left
once exposure and contrast are taken out, and after one image has been laid onto the other. Images
that can be the same are shortlisted at 32 px; few are laid onto each other at 48 px, and the rest
decided at 112 px.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain

import numpy as np
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from hdf.data.store import Progress
from hdf.runtime.workers import one_torch_thread, workers
from hdf.tools.audit.alignment import refined
from hdf.tools.audit.finding import Finding, Severity
from hdf.tools.audit.shortlist import QUERIES, Candidates, shortlist
from hdf.tools.audit.survey import Survey

MIDDLE, FINE = (48, 4.0, 1.0), (112, 4.0, 0.8)
"""Side in pixels, and what `structure` takes."""

TOGETHER = 64
"""Pairs that are looked at together."""

WORTH_LAYING, WORTH_A_CLOSE_LOOK = 0.8, 0.89
"""Correlations at 48 px, before and after one image is laid onto the other."""

ALIKE, SAME = 0.79, 0.84
"""Correlations at 112 px, for a warning and for more. Of 200 radiographs no two reach the first. Of
those re-encoded, re-windowed, mirrored, inverted, cropped by up to a tenth at each edge or turned
by up to 5 degrees nearly all reach it, and nine in ten reach 0.86 whatever was done."""


@dataclass(frozen=True)
class Pair:
    """Two images that show the same radiograph.

    Attributes:
        first: a position in the survey, as is `second`.
        likeness: their correlation in [0, 1]; 1 for equal pixels.
        change: what was done to one of them.
    """

    first: int
    second: int
    likeness: float = 1.0
    change: str = ""


def find_duplicates(
    pairs: Sequence[Pair], names: Sequence[str], parts: Sequence[str]
) -> Iterator[Finding]:
    """One finding for each image of a pair; severe where the two are surely the same, and are on
    different sides.

    Args:
        names: of the images.
        parts: where each belongs, as `hdf.tools.audit.sides.parts_of` gives it.
    """
    partners: dict[int, list[tuple[int, Pair]]] = defaultdict(list)
    for pair in pairs:
        partners[pair.first].append((pair.second, pair))
        partners[pair.second].append((pair.first, pair))
    sides = _sides_of_the_same(pairs, parts)
    for image in sorted(partners):
        of_one = sorted(partners[image], key=lambda item: -item[1].likeness)
        kind = "duplicate" if of_one[0][1].likeness == 1 else "near_duplicate"
        across = parts[image] != "unused" and len(sides[image]) > 1
        told = ", ".join(_told(names[other], parts[other], pair) for other, pair in of_one[:4])
        shows = "shows" if of_one[0][1].likeness >= SAME else "may show"
        detail = f"{shows} the same radiograph as {told}; it is itself in {parts[image]}"
        severity: Severity = "severe" if across else "warning"
        others = tuple(names[other] for other, _ in of_one[:4])
        yield Finding(names[image], kind, severity, detail, others)


def _sides_of_the_same(pairs: Sequence[Pair], parts: Sequence[str]) -> list[set[str]]:
    """For each image the sides of all that are surely the same radiograph, by whatever steps."""
    sure = [pair for pair in pairs if pair.likeness >= SAME]
    ends = ([pair.first for pair in sure], [pair.second for pair in sure])
    links = coo_array((np.ones(len(sure)), ends), shape=(len(parts), len(parts)))
    _, group = connected_components(links, directed=False)
    sides: dict[int, set[str]] = defaultdict(set)
    for image, part in enumerate(parts):
        sides[group[image]] |= {part} - {"unused"}
    return [sides[group[image]] for image in range(len(parts))]


def _told(name: str, part: str, pair: Pair) -> str:
    how = f", likeness {pair.likeness:.2f}{pair.change}" if pair.likeness < 1 else ""
    return f"{name} ({part}{how})"


def same_radiographs(survey: Survey, usable: Tensor, progress: Progress) -> list[Pair]:
    """All pairs of images with equal pixels, and those that are nearly the same.

    Args:
        usable: bool [N], the images that show enough to be compared.
    """
    first_of: dict[bytes, int] = {}
    pairs = []
    for image, digest in enumerate(survey.digest):
        first = first_of.setdefault(digest, image)
        pairs += [Pair(first, image)] if first != image else []
    alone = [image for image in sorted(first_of.values()) if usable[image]]
    return pairs + list(_nearly_same(survey, torch.tensor(alone).long(), progress))


def _nearly_same(survey: Survey, alone: Tensor, progress: Progress) -> Iterator[Pair]:
    best: dict[tuple[int, int], Pair] = {}
    done = 0
    with one_torch_thread(), ThreadPoolExecutor(workers()) as pool:
        for given in shortlist(survey.small[alone]):
            there = given._replace(first=alone[given.first], second=alone[given.second])
            for pair in chain(*pool.map(partial(_decided, survey), there.pieces(TOGETHER))):
                first, second = sorted((pair.first, pair.second))
                if (first, second) not in best or best[first, second].likeness < pair.likeness:
                    best[first, second] = replace(pair, first=first, second=second)
            done = min(done + QUERIES, len(alone))
            progress(done, len(alone))
    yield from best.values()


def _decided(survey: Survey, given: Candidates) -> list[Pair]:
    """The pairs among these that show the same radiograph."""
    given, _ = _alike(survey, given, MIDDLE, (1.0,), (0.0,), WORTH_LAYING)
    zooms, angles = (0.95, 1.0, 1.05), (-4.0, -2.0, 0.0, 2.0, 4.0)
    given, _ = _alike(survey, given, MIDDLE, zooms, angles, WORTH_A_CLOSE_LOOK)
    given, found = _alike(survey, given, FINE, (0.975, 1.0, 1.025), (-1.0, 0.0, 1.0), ALIKE)
    pairs = []
    for row, likeness in enumerate(found.tolist()):
        change = ", mirrored" if given.pose.mirrored[row] else ""
        change += ", inverted" if likeness < 0 else ""
        below_1 = min(abs(likeness), 0.999)  # 1 stands for equal pixels
        pairs.append(Pair(int(given.first[row]), int(given.second[row]), below_1, change))
    return pairs


def _alike(
    survey: Survey,
    given: Candidates,
    how: tuple[int, float, float],
    zooms: tuple[float, ...],
    angles: tuple[float, ...],
    least: float,
) -> tuple[Candidates, Tensor]:
    """The candidates whose correlation is at least `least` once laid onto each other, and it.

    Args:
        how: side in pixels, and what `structure` takes.
        zooms: factors to try.
        angles: degrees to add.
    """
    if not len(given.first):
        return given, torch.zeros(0)
    side, *filters = how
    first, second = survey.at(given.first, side), survey.at(given.second, side)
    found, pose = refined(first, second, given.pose, zooms, angles, *filters)
    kept = (found.abs() >= least).nonzero()[:, 0]
    return given._replace(pose=pose).of(kept), found[kept]
