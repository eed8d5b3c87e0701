"""Conformal calibration: how far a box may be off, in units of the spread that comes with it."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Calibration:
    """Quantiles of the errors on images that were not trained on, in units of the spread.

    Attributes:
        levels: joint coverages, ascending.
        edges: a label's quantile of the largest of its four edges' |error| / spread, at each level.
        ratio: the same of the cardiothoracic ratio; empty where it was not measured.
    """

    levels: tuple[float, ...]
    edges: dict[str, tuple[float, ...]]
    ratio: tuple[float, ...] = ()

    def outer(self, box: Tensor, spread: Tensor, label: str, level: float) -> Tensor:
        """The box [4] that holds the true one, all edges at once, with probability `level`."""
        return box + spread * self._edge(label, level) * box.new_tensor([-1, -1, 1, 1])

    def inner(self, box: Tensor, spread: Tensor, label: str, level: float) -> Tensor:
        """The box [4] that lies within the true one, likewise."""
        return box - spread * self._edge(label, level) * box.new_tensor([-1, -1, 1, 1])

    def ratio_interval(
        self, ratio: float, ratio_spread: float, level: float
    ) -> tuple[float, float] | None:
        """The interval that holds the true ratio with probability `level`."""
        if not self.ratio:
            return None
        reach = self.ratio[self._at(level)] * ratio_spread
        return ratio - reach, ratio + reach

    def _edge(self, label: str, level: float) -> float:
        return self.edges[label][self._at(level)]

    def _at(self, level: float) -> int:
        return bisect_left(self.levels, level)
