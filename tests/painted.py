"""A detector that finds the bright rectangle of a painted image, for tests of what surrounds it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from hdf.boxes import mask_bounds
from hdf.models.detector import Detector, ModelSpec
from hdf.types import Batch, Detections

SPEC = ModelSpec(
    {"use": "b"}, {"use": "h"}, "fixed", ("heart",), (128, 128), "letterbox", mean=(0,), std=(1,)
)


class Backbone(nn.Module):
    channels, strides = (1,), (1,)

    def forward(self, images: Tensor) -> list[Tensor]:
        return [images]


class Head(nn.Module):
    """The bounds of what is brighter than half of the brightest pixel, for every label.

    Args:
        spread: of every edge in network pixels; None for none.
        shift: what is added to every edge.
    """

    def __init__(self, labels: int, spread: float | None = None, shift: float = 0.0) -> None:
        super().__init__()
        self.labels, self.spread, self.shift = labels, spread, shift

    def forward(self, features: list[Tensor]) -> Tensor:
        return features[0]

    def loss(self, raw: Any, batch: Batch) -> dict[str, Tensor]:
        return {"zero": raw.sum() * 0}

    def decode(self, raw: Tensor, size: tuple[int, int]) -> list[Detections]:
        return [self._found(image[0]) for image in raw]

    def _found(self, image: Tensor) -> Detections:
        bright = image > image.max() / 2
        count = self.labels if bright.any() else 0
        boxes = (mask_bounds(bright) + self.shift).repeat(count, 1)
        spread = None if self.spread is None else torch.full((count, 4), self.spread)
        return Detections(boxes, torch.arange(count), torch.ones(count), spread)


def painted_detector(spread: float | None = None, shift: float = 0.0, **spec: Any) -> Detector:
    """A detector whose boxes are right to about a network pixel."""
    changed = replace(SPEC, **spec)
    return Detector(Backbone(), Head(len(changed.labels), spread, shift), changed)


def painted(box: tuple[int, int, int, int], size: tuple[int, int]) -> Tensor:
    """Black, float32 [1, *size], with a bright box (x0, y0, x1, y1)."""
    image = torch.zeros(1, *size)
    x0, y0, x1, y1 = box
    image[:, y0:y1, x0:x1] = 0.8
    return image
