"""Images that cost next to nothing to make: a bright ellipse in noise, and its box."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from hdf.types import Sample, Target

NOISE = 0.1


class NoisyEllipses:
    """Lists them, as a plugin's loader would.

    Args:
        count: how many.
        size: (height, width) in pixels.
        where: a file that all samples state as theirs, so that a store on disk keeps them.
    """

    def __init__(self, count: int, size: tuple[int, int], where: Path | None = None) -> None:
        self.count, self.size = count, size
        self.files = () if where is None else (where,)

    def records(self) -> list[Sample]:
        """Every sample; no image is made."""
        return [self._sample(number) for number in range(self.count)]

    def _sample(self, number: int) -> Sample:
        box = _box(number, self.size)
        target = Target(box[None], ("heart",))
        read = partial(_image, number, box, self.size)
        return Sample(f"{number:06}", read, target, files=self.files)


def _box(number: int, size: tuple[int, int]) -> Tensor:
    """float32 [4], with whole edges."""
    side = torch.tensor([size[1], size[0]])
    share = torch.from_numpy(np.random.default_rng([number, 0]).uniform(0.3, 0.5, 4)).float()
    corner = (share[:2] * side * 0.6).round()
    return torch.cat([corner, corner + (share[2:] * side).round()])


def _image(number: int, box: Tensor, size: tuple[int, int]) -> Tensor:
    """float32 [1, H, W] in [0, 1]."""
    noise = np.random.default_rng([number, 1]).standard_normal(size, dtype=np.float32)
    y, x = torch.meshgrid(torch.arange(size[0]) + 0.5, torch.arange(size[1]) + 0.5, indexing="ij")
    center, half = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]) / 2
    inside = ((x - center[0]) / half[0]) ** 2 + ((y - center[1]) / half[1]) ** 2 < 1
    return (0.3 + 0.4 * inside.float() + NOISE * torch.from_numpy(noise)).clamp(0, 1)[None]
