"""What a head finds, and the way back into the pixels of the original image."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Detections:
    """What a head found in one image.

    Attributes:
        boxes: float32 [K, 4], pixel edges.
        labels: int64 [K], indices into the recipe's ``data.labels``.
        scores: float32 [K] in [0, 1].
        spread: float32 [K, 4], one standard deviation of each edge in pixels, or None.
    """

    boxes: Tensor
    labels: Tensor
    scores: Tensor
    spread: Tensor | None = None

    @classmethod
    def one_a_label(cls, boxes: Tensor, scores: Tensor, spread: Tensor | None) -> Self:
        """What stands at each label's place, without the labels that were not found.

        Args:
            boxes: float32 [L, 4]; NaN for a label that was not found.
            scores: float32 [L].
            spread: float32 [L, 4], or None.
        """
        kept = ~boxes.isnan().any(-1)
        labels = torch.arange(len(boxes), device=boxes.device)
        return cls(
            boxes[kept], labels[kept], scores[kept], None if spread is None else spread[kept]
        )

    def cpu(self) -> Detections:
        spread = None if self.spread is None else self.spread.cpu()
        return Detections(self.boxes.cpu(), self.labels.cpu(), self.scores.cpu(), spread)

    def best(self, label: int) -> Tensor | None:
        """The box [4] of the highest score for one label, or None."""
        found = (self.labels == label).nonzero().flatten()
        return self.boxes[found[self.scores[found].argmax()]] if len(found) else None


@dataclass(frozen=True, slots=True)
class Geometry:
    """How an original image was placed into the network's image: first scaled, then shifted.

    Attributes:
        original_size: (height, width) of the image as read.
        scale: (x, y), network pixels per original pixel.
        offset: (x, y), network pixels.
        pixel_spacing: (row, column) in mm, where the file states it.
    """

    original_size: tuple[int, int]
    scale: tuple[float, float]
    offset: tuple[float, float]
    pixel_spacing: tuple[float, float] | None = None

    def to_network(self, boxes: Tensor) -> Tensor:
        """Boxes [..., 4] from original pixels to network pixels."""
        return boxes * boxes.new_tensor(self.scale * 2) + boxes.new_tensor(self.offset * 2)

    def to_original(self, boxes: Tensor) -> Tensor:
        """Boxes [..., 4] from network pixels to original pixels."""
        return (boxes - boxes.new_tensor(self.offset * 2)) / boxes.new_tensor(self.scale * 2)

    def detections_to_original(self, detections: Detections) -> Detections:
        """Boxes and spreads in original pixels."""
        spread = detections.spread
        if spread is not None:
            spread = spread / spread.new_tensor(self.scale * 2)
        return replace(detections, boxes=self.to_original(detections.boxes), spread=spread)
