"""Views of painted radiographs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
import torch
from torch import Tensor

from hdf import Detections, Sample, Target, View

SIZE = (60, 80)
MakeView = Callable[..., View]


def _sample(index: int, size: tuple[int, int]) -> Sample:
    def read() -> Tensor:
        return torch.linspace(0, 1, size[0] * size[1]).reshape(1, *size)

    return Sample(f"phantom ${index}$", read)


@pytest.fixture
def make_view() -> MakeView:
    """Views in which the box of image i is i pixels too far to the right; image 0 is perfect."""

    def make(
        count: int = 5,
        labels: tuple[str, ...] = ("heart",),
        size: tuple[int, int] = SIZE,
        history: Sequence[Mapping[str, float]] = (),
        metrics: Mapping[str, Any] | None = None,
    ) -> View:
        boxes = torch.tensor([[20.0, 10.0, 40.0, 30.0]]).repeat(len(labels), 1)
        shift = torch.tensor([1.0, 0, 1, 0])
        known, scores = torch.arange(len(labels)), torch.ones(len(labels))
        return View(
            labels,
            [_sample(index, size) for index in range(count)],
            [Target(boxes, labels) for _ in range(count)],
            [Detections(boxes + index * shift, known, scores) for index in range(count)],
            history,
            metrics or {},
            None,  # type: ignore[arg-type]  # no visualizer here asks for the detector,
            None,  # type: ignore[arg-type]  # or for what it sees
        )

    return make
