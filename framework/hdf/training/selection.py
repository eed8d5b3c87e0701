"""Which epoch's weights are reported, and when it is enough."""

from __future__ import annotations

import math
from collections.abc import Mapping

from hdf.recipe.schema import EarlyStopping


class Selection:
    """Follows a metric of the inner split.

    Args:
        stopping: which metric, and its patience; None takes the mean IoU and never ends.

    Attributes:
        epoch: the best one so far; 0 before the first.
    """

    def __init__(self, stopping: EarlyStopping | None) -> None:
        self.metric = (stopping or EarlyStopping()).metric
        self.patience = stopping.patience if stopping else math.inf
        self.epoch, self._best = 0, -math.inf

    def improves(self, scores: Mapping[str, float]) -> bool:
        """Whether an epoch is better than all before it."""
        return self._value(scores) > self._best

    def choose(self, epoch: int, scores: Mapping[str, float]) -> None:
        """Take an epoch for the best so far."""
        self.epoch, self._best = epoch, self._value(scores)

    def _value(self, scores: Mapping[str, float]) -> float:
        return -scores[self.metric] if self.metric == "inner_loss" else scores[self.metric]

    def is_over(self, epoch: int) -> bool:
        """Whether no epoch has been better for as long as patience lasts."""
        return epoch - self.epoch >= self.patience

    def state(self) -> dict[str, float]:
        """For a checkpoint."""
        return {"epoch": self.epoch, "best": self._best}

    def restore(self, state: Mapping[str, float]) -> None:
        """As it was when `state` was taken."""
        self.epoch, self._best = int(state["epoch"]), state["best"]
