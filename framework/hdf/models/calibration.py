"""Calibration by split-conformal prediction: boxes that hold the true edges as often as stated.

Errors on images outside the training set give, for each level, the factor on the spreads with which
all four true edges lie inside in that share of images (Angelopoulos and Bates 2021,
arXiv:2107.07511, sections 1 and 2.2). The guarantee holds for new images that are exchangeable with
the calibration images, however good the spreads are.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

LEVELS = (0.5, 0.6, 0.68, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.975)
SMALLEST_SPREAD = 1e-6
"""The least spread in pixels, or of a ratio: no factor on a spread of zero would cover an error."""


@dataclass(frozen=True)
class EdgeErrors:
    """The errors of a detector, for one label, on images outside its training set.

    Each is float [n, 4] in pixels.
    """

    error: Tensor  # predicted minus true edge
    box: Tensor  # the predicted boxes
    spread: Tensor  # one standard deviation of each edge; NaN if the head predicts none


@dataclass(frozen=True)
class Calibration:
    """Split-conformal quantiles of a detector.

    Attributes:
        levels: joint coverages of the four edges, ascending, each in (0, 1).
        edges: for each label and level, the quantile of the largest of |error| / spread.
        ratio: for each level, the quantile of |error| / spread of the cardiothoracic ratio; empty
            if it was not measured.
        fallback_spread: for labels without a predicted spread, a constant one for each edge, as a
            fraction of the predicted box's width (x0, x1) or height (y0, y1).

    Raises:
        ValueError: the levels do not ascend in (0, 1), or some lack a quantile.
    """

    levels: tuple[float, ...]
    edges: dict[str, tuple[float, ...]]
    ratio: tuple[float, ...] = ()
    fallback_spread: dict[str, tuple[float, float, float, float]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        ascending = list(self.levels) == sorted(set(self.levels))
        if not self.levels or not ascending or not 0 < self.levels[0] <= self.levels[-1] < 1:
            raise ValueError(f"levels must ascend within (0, 1), not {self.levels}")
        lengths = {len(self.levels)} | {len(item) for item in self.edges.values()}
        if len(lengths) > 1 or len(self.ratio) not in (0, len(self.levels)):
            raise ValueError("each label and the ratio need one quantile for each level")

    def spread(self, box: Tensor, spread: Tensor | None, label: str) -> Tensor:
        """The spread that the quantiles refer to: the head's, or the fallback of the label.

        Arguments and errors are those of `margin`.
        """
        if label in self.fallback_spread:
            size = (box[..., 2:] - box[..., :2]).tile(2)
            spread = size * box.new_tensor(self.fallback_spread[label])
        if spread is None:
            raise ValueError(f"{label!r} was calibrated with spreads; this detector predicts none")
        return spread.clamp(min=SMALLEST_SPREAD)

    def margin(self, box: Tensor, spread: Tensor | None, label: str, level: float) -> Tensor:
        """The distance of each edge, within which all four true edges lie with that probability.

        Args:
            box: float [..., 4] in pixels, as is the result.
            spread: likewise, or None if the head predicts none.
            label: one of `edges`.
            level: one of `levels`.

        Raises:
            ValueError: the label or the level is unknown, or a spread is missing.
        """
        if label not in self.edges:
            raise ValueError(f"{label!r} was not calibrated, but only {', '.join(self.edges)}")
        return self.edges[label][self._position(level)] * self.spread(box, spread, label)

    def outer(self, box: Tensor, spread: Tensor | None, label: str, level: float) -> Tensor:
        """The box that contains the true one with probability `level`; not clipped to the image.

        Arguments and errors are those of `margin`.
        """
        return box + self.margin(box, spread, label, level) * box.new_tensor([-1, -1, 1, 1])

    def inner(self, box: Tensor, spread: Tensor | None, label: str, level: float) -> Tensor:
        """The box inside the true one; it and `outer` are both right with probability `level`.

        Opposite edges that would cross meet half-way, in a box without area. Arguments and errors
        are those of `margin`.
        """
        moved = box + self.margin(box, spread, label, level) * box.new_tensor([1, 1, -1, -1])
        low, high = moved[..., :2], moved[..., 2:]
        middle = (low + high) / 2
        return torch.cat([torch.minimum(low, middle), torch.maximum(high, middle)], -1)

    def ratio_interval(self, ratio: float, spread: float, level: float) -> tuple[float, float]:
        """The interval (low, high) that holds the true ratio with probability `level`.

        Raises:
            ValueError: the ratio was not measured, or the level is unknown.
        """
        if not self.ratio:
            raise ValueError("the cardiothoracic ratio was not calibrated")
        reach = self.ratio[self._position(level)] * max(spread, SMALLEST_SPREAD)
        return ratio - reach, ratio + reach

    def with_ratio(self, error: Tensor, spread: Tensor) -> Calibration:
        """This calibration extended by that of the ratio; unchanged if there are too few ratios.

        Args:
            error: float [n], predicted minus true ratio.
            spread: float [n], one standard deviation (`hdf.ratio.ratio_spread`).
        """
        scores = error.abs() / spread.clamp(min=SMALLEST_SPREAD)
        if len(_possible(self.levels, len(scores))) < len(self.levels):
            return self
        return replace(self, ratio=_quantiles(scores, self.levels))

    def _position(self, level: float) -> int:
        if level not in self.levels:
            raise ValueError(f"not calibrated at {level:g}, but at {self.levels}")
        return self.levels.index(level)


def fit_calibration(
    errors: Mapping[str, EdgeErrors], levels: Sequence[float] = LEVELS
) -> Calibration | None:
    """The calibration of all labels, without the ratio (`Calibration.with_ratio`).

    A level is omitted if any label has too few boxes, n < level / (1 - level): its quantile would
    be infinite. Labels without boxes are omitted; with too few boxes for any level there is None.

    A label with a box without spread gets a constant one: the root mean square of its errors, as
    fractions of the predicted sides. It is fitted on the same boxes as the quantiles, which is
    negligible for four numbers and hundreds of boxes.

    Args:
        errors: by label, on images outside the training set.
        levels: ascending, in (0, 1).
    """
    known = {label: item for label, item in errors.items() if len(item.error)}
    possible = _possible(levels, min((len(item.error) for item in known.values()), default=0))
    if not possible:
        return None
    bare = [label for label, item in known.items() if item.spread.isnan().any()]
    found = Calibration(possible, {}, (), {label: _fallback(known[label]) for label in bare})
    scores = {label: edge_scores(item, found, label) for label, item in known.items()}
    return replace(found, edges={k: _quantiles(item, possible) for k, item in scores.items()})


def edge_scores(errors: EdgeErrors, calibration: Calibration, label: str) -> Tensor:
    """The largest of |error| / spread over the four edges, float [n]."""
    spread = calibration.spread(errors.box, errors.spread, label)
    return (errors.error.abs() / spread).amax(-1)


def _possible(levels: Sequence[float], count: int) -> tuple[float, ...]:
    return tuple(level for level in levels if _rank(level, count) <= count)


def _rank(level: float, count: int) -> int:
    """The rank of the quantile among `count` sorted scores, from 1; above `count` if infinite."""
    return math.ceil((count + 1) * level - 1e-9)


def _quantiles(scores: Tensor, levels: Sequence[float]) -> tuple[float, ...]:
    ordered = scores.double().sort().values
    return tuple(float(ordered[_rank(level, len(ordered)) - 1]) for level in levels)


def _fallback(errors: EdgeErrors) -> tuple[float, float, float, float]:
    size = (errors.box[:, 2:] - errors.box[:, :2]).tile(2).clamp(min=1)
    x0, y0, x1, y1 = (errors.error / size).double().square().mean(0).sqrt().tolist()
    return x0, y0, x1, y1
