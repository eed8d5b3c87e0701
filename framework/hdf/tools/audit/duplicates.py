"""Duplicates and near duplicates, even if one of them was edited.

Radiographs of different people are alike, so likeness is measured without exposure and contrast,
and after one image has been laid onto the other. Candidates are shortlisted at 32 px, aligned at
48 px and decided at 112 px.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import chain

import numpy as np
import torch
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from hdf.data.store import Progress
from hdf.runtime.workers import one_torch_thread, workers
from hdf.tools.audit import Finding, Severity, listed
from hdf.tools.audit.alignment import Look, Pose, posed, refined, structure
from hdf.tools.audit.survey import Survey, standardised

TOGETHER = 64
"""Pairs compared at a time."""
ALIKE, SAME = 0.79, 0.84
"""Correlations at 112 px: a warning, severe. Of 200 radiographs no two reach the first. Of copies
re-encoded, re-windowed, mirrored, inverted, cropped by up to a tenth at each edge or rotated by up
to 5 degrees nearly all do, and of each kind nine in ten reach 0.86."""
LOOKS = (
    Look(48, 1.0, (1.0,), (0.0,), 0.8),
    Look(48, 1.0, (0.95, 1.0, 1.05), (-4.0, -2.0, 0.0, 2.0, 4.0), 0.89),
    Look(112, 0.8, (0.975, 1.0, 1.025), (-1.0, 0.0, 1.0), ALIKE),
)
ZOOMS = (1.0, 1.12, 1.25)
MOST_LIKE = 3
QUERIES = 256
"""What the shortlist tries and takes."""


@dataclass(frozen=True)
class Pair:
    """Two images that show the same radiograph, by their positions in the survey.

    Attributes:
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
    """One finding for each radiograph that is there more than once, however often.

    It is severe if the same radiograph is on different sides, directly or through other pairs;
    `parts` are those of `hdf.tools.audit.records.parts_of`.
    """
    linked = _linked(pairs, len(parts))
    sure = _linked([pair for pair in pairs if pair.likeness >= SAME], len(parts))
    sides: dict[int, set[str]] = defaultdict(set)
    for group, part in zip(sure, parts, strict=True):
        sides[group] |= {part} - {"unused"}
    groups: dict[int, list[Pair]] = defaultdict(list)
    for pair in sorted(pairs, key=lambda pair: pair.first):
        groups[linked[pair.first]].append(pair)
    for same in groups.values():
        members = {image for pair in same for image in (pair.first, pair.second)}
        severe = any(len(sides[sure[image]]) > 1 for image in members)
        yield _finding(same, names, parts, "severe" if severe else "warning")


def _finding(
    same: list[Pair], names: Sequence[str], parts: Sequence[str], severity: Severity
) -> Finding:
    """The finding about a group of images: the first one, and the others, the most alike first."""
    best: dict[int, Pair] = {}
    for pair in sorted(same, key=lambda pair: pair.likeness):
        best[pair.first] = best[pair.second] = pair
    first, *others = sorted(best)
    others.sort(key=lambda image: -best[image].likeness)
    most = max(pair.likeness for pair in same)
    told = listed([_described(names[image], parts[image], best[image]) for image in others])
    shows = f"{'shows' if most >= SAME else 'may show'} the same radiograph as {told}"
    detail = f"{shows}; it is itself in {parts[first]}"
    kind = "duplicate" if most == 1 else "near_duplicate"
    return Finding(names[first], kind, severity, detail, tuple(names[image] for image in others))


def _linked(pairs: Sequence[Pair], count: int) -> list[int]:
    """The number of each image's group: images that pairs link, directly or through others."""
    ends = ([pair.first for pair in pairs], [pair.second for pair in pairs])
    links = coo_array((np.ones(len(pairs)), ends), shape=(count, count))
    found: list[int] = connected_components(links, directed=False)[1].tolist()
    return found


def _described(name: str, part: str, pair: Pair) -> str:
    how = f", likeness {pair.likeness:.2f}{pair.change}" if pair.likeness < 1 else ""
    return f"{name} ({part}{how})"


def same_radiographs(survey: Survey, usable: Tensor, progress: Progress) -> list[Pair]:
    """All pairs with equal pixels, and usable ones (bool [N]) with nearly the same."""
    first_of: dict[bytes, int] = {}
    pairs = []
    for image, digest in enumerate(survey.digest):
        first = first_of.setdefault(digest, image)
        pairs += [Pair(first, image)] if first != image else []
    alone = [image for image in sorted(first_of.values()) if usable[image]]
    return pairs + list(_nearly_same(survey, torch.tensor(alone).long(), progress))


def _nearly_same(survey: Survey, alone: Tensor, progress: Progress) -> Iterator[Pair]:
    best: dict[tuple[int, int], Pair] = {}
    with one_torch_thread(), ThreadPoolExecutor(workers()) as pool:
        for number, (ends, pose) in enumerate(shortlist(survey.small[alone]), 1):
            poses = map(pose.of, torch.split(torch.arange(len(ends)), TOGETHER))
            given = torch.split(alone[ends], TOGETHER)
            for pair in chain(*pool.map(partial(_decided, survey), given, poses)):
                both = (pair.first, pair.second)
                best[both] = max(pair, best.get(both, pair), key=lambda item: item.likeness)
            progress(min(number * QUERIES, len(alone)), len(alone))
    yield from best.values()


def _decided(survey: Survey, given: Tensor, pose: Pose) -> list[Pair]:
    """The pairs among candidates [B, 2] that show the same radiograph."""
    for look in LOOKS:
        if not len(given):
            return []
        first, second = (survey.at(ends, look.side) for ends in given.unbind(1))
        found, pose = refined(first, second, pose, look)
        kept = (found.abs() >= look.least).nonzero()[:, 0]
        given, pose, found = given[kept], pose.of(kept), found[kept]
    pairs = []
    ends, mirrored = given.sort(1).values.tolist(), pose.mirrored.tolist()
    for (one, other), turned, likeness in zip(ends, mirrored, found.tolist(), strict=True):
        change = (", mirrored" if turned else "") + (", inverted" if likeness < 0 else "")
        pairs.append(Pair(one, other, min(abs(likeness), 0.999), change))  # 1 is for equal pixels
    return pairs


def shortlist(small: Tensor) -> Iterator[tuple[Tensor, Pose]]:
    """The most similar images of each, for `QUERIES` of float32 [N, SIDE, SIDE] at a time.

    Every image is compared with all others, as it is, mirrored and zoomed.

    Yields:
        Pairs int64 [B, 2], and the transform of each first image onto the second.
    """
    if not len(small):
        return
    rows = torch.cat([standardised(structure(piece)) for piece in torch.split(small, QUERIES)])
    for queries in torch.split(torch.arange(len(small)), QUERIES):
        likeness, variant = _best_variant(small[queries], rows)
        likeness[torch.arange(len(queries)), queries] = -1  # no image is its own copy
        others = likeness.topk(min(MOST_LIKE, len(small) - 1), 1).indices
        chosen = variant.gather(1, others).flatten().long()
        first = queries[:, None].expand(others.shape).flatten()
        yield torch.stack([first, others.flatten()], 1), _poses(chosen)


def _best_variant(queries: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """The best likeness of each query to each row, [Q, N], and its variant, uint8 [Q, N]."""
    likeness = torch.full((len(queries), len(rows)), -1.0)
    variant = torch.zeros(likeness.shape, dtype=torch.uint8)
    for number in range(2 * len(ZOOMS)):
        pose = _poses(torch.full((len(queries),), number))
        seen = standardised(structure(posed(queries, pose)))
        found = torch.mm(seen, rows.T).abs()
        variant[found > likeness] = number
        likeness = likeness.maximum(found)
    return likeness, variant


def _poses(variant: Tensor) -> Pose:
    """The poses of variants: each a zoom, mirrored or not."""
    zoom = torch.tensor(ZOOMS)[variant % len(ZOOMS)]
    return Pose(zoom, torch.zeros(len(variant)), variant >= len(ZOOMS))
