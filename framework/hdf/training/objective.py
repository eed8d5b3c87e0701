"""What a step makes smaller."""

from __future__ import annotations

from torch import Tensor, nn

from hdf.models.detector import Detector
from hdf.models.feature_cache import FeatureCache, answers
from hdf.runtime.device import Compute
from hdf.types import Batch


class Objective(nn.Module):
    """The loss of a batch, in one module: what happens in it counts for the shared gradient."""

    def __init__(self, detector: Detector, compute: Compute, cache: FeatureCache | None) -> None:
        super().__init__()
        self.detector, self.compute, self.cache = detector, compute, cache

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """The terms of the loss."""
        with self.compute.autocast():
            raw = answers(self.detector, batch, self.cache)
        return self.detector.loss(raw, batch)
