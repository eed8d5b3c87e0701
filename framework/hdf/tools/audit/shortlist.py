"""Which images may show the same radiograph: for each image the most similar few, at 32 px."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from hdf.tools.audit.alignment import Pose, posed, structure
from hdf.tools.audit.survey import standardised

ZOOMS = (1.0, 1.12, 1.25)
MOST_LIKE = 3
QUERIES = 256
SIGMA, SMOOTH = 4.0, 1.0


class Candidates(NamedTuple):
    """Pairs of images, and how each first one is laid onto the second.

    Attributes:
        first: int64 [B], as is `second`.
    """

    first: Tensor
    second: Tensor
    pose: Pose

    def of(self, index: Tensor) -> Candidates:
        """The pairs at these positions."""
        return Candidates(self.first[index], self.second[index], self.pose.of(index))

    def pieces(self, count: int) -> list[Candidates]:
        """The same pairs, at most so many together."""
        starts = range(0, len(self.first), count)
        every = torch.arange(len(self.first))
        return [self.of(every[start : start + count]) for start in starts]


def shortlist(small: Tensor) -> Iterator[Candidates]:
    """Candidates for up to `QUERIES` images at a time.

    Every image is compared with all others, mirrored or not and zoomed in or not.

    Args:
        small: float32 [N, SIDE, SIDE].
    """
    if not len(small):
        return
    pieces = (structure(piece, SIGMA, SMOOTH) for piece in torch.split(small, QUERIES))
    rows = torch.cat([standardised(piece) for piece in pieces])
    for start in range(0, len(small), QUERIES):
        queries = torch.arange(start, min(start + QUERIES, len(small)))
        likeness, variant = _best_variant(small[queries], rows)
        likeness[torch.arange(len(queries)), queries] = -1  # no image is its own copy
        others = likeness.topk(min(MOST_LIKE, len(small) - 1), 1).indices
        chosen = variant.gather(1, others).flatten().long()
        first = queries[:, None].expand(others.shape).flatten()
        yield Candidates(first, others.flatten(), _poses(chosen))


def _best_variant(queries: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """How like each query is to each row at best, [Q, N], and in which variant, uint8 [Q, N]."""
    likeness = torch.full((len(queries), len(rows)), -1.0)
    variant = torch.zeros(likeness.shape, dtype=torch.uint8)
    for number in range(2 * len(ZOOMS)):
        pose = _poses(torch.full((len(queries),), number))
        seen = standardised(structure(posed(queries, pose), SIGMA, SMOOTH))
        found = torch.mm(seen, rows.T).abs()
        variant[found > likeness] = number
        likeness = likeness.maximum(found)
    return likeness, variant


def _poses(variant: Tensor) -> Pose:
    """A variant is a zoom, and whether the image is mirrored."""
    zoom = torch.tensor(ZOOMS)[variant % len(ZOOMS)]
    return Pose(zoom, torch.zeros(len(variant)), variant >= len(ZOOMS))
