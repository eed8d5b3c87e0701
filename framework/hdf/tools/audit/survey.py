"""The figures of every image that the checks need, computed in one pass, without padding."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from hdf.data.store import Progress, Store
from hdf.types import Geometry

SIDE = 32
BATCH = 256
ENDS = (2, 253)
"""A pixel is clipped if its grey value of 256 is at most the first or at least the second."""


@dataclass(frozen=True)
class Survey:
    """The figures of N images.

    Attributes:
        store: where they are; without boxes.
        digest: of each image's pixels, to find equal ones.
        spread: float32 [N], the 95th less the 5th percentile of the grey values, in [0, 1].
        clipped: float32 [N], the share of black and white among the pixels of the middle quarter.
        small: float32 [N, SIDE, SIDE] in [0, 1], stretched to a square.
    """

    store: Store
    digest: list[bytes]
    spread: Tensor
    clipped: Tensor
    small: Tensor

    @property
    def names(self) -> list[str]:
        return [sample.id for sample in self.store.samples]

    def at(self, index: Tensor, side: int) -> Tensor:
        """Images of int64 [B], float32 [B, side, side] in [0, 1], stretched to a square."""
        images = self.store.images[index]
        rows = [
            squared(unpadded(image[0], self.store.geometry[position]), side)
            for image, position in zip(images, index.tolist(), strict=True)
        ]
        return torch.stack(rows)


def survey(store: Store, progress: Progress) -> Survey:
    """Compute the figures of every image of a store."""
    digest: list[bytes] = []
    numbers: list[tuple[float, float]] = []
    small: list[Tensor] = []
    for start in range(0, len(store), BATCH):
        index = torch.arange(start, min(start + BATCH, len(store)))
        for image, position in zip(store.images[index], index.tolist(), strict=True):
            film = unpadded(image[0], store.geometry[position])
            digest.append(hashlib.blake2b(image.numpy().tobytes(), digest_size=16).digest())
            numbers.append(_numbers(film))
            small.append(squared(film, SIDE))
        progress(len(small), len(store))
    spread, clipped = torch.tensor(numbers).unbind(1)
    return Survey(store, digest, spread, clipped, torch.stack(small))


def unpadded(image: Tensor, geometry: Geometry) -> Tensor:
    """The part of a network image [H, W] that shows the original, without a letterbox's padding."""
    left, top = map(int, geometry.offset)
    height, width = (
        max(1, round(side * scale))
        for side, scale in zip(geometry.original_size, reversed(geometry.scale), strict=True)
    )
    return image[top : top + height, left : left + width]


def squared(film: Tensor, side: int) -> Tensor:
    """uint8 [H, W] to float32 [side, side] in [0, 1]."""
    scaled = F.interpolate(film[None, None].float() / 255, (side, side), mode="area")
    return scaled[0, 0]


def _numbers(film: Tensor) -> tuple[float, float]:
    counts = torch.bincount(film.flatten(), minlength=256).cumsum(0) / film.numel()
    low, high = (int((counts < share).sum()) for share in (0.05, 0.95))
    height, width = film.shape
    middle = film[height // 4 : -(height // 4) or None, width // 4 : -(width // 4) or None]
    clipped = ((middle <= ENDS[0]) | (middle >= ENDS[1])).float().mean()
    return (high - low) / 255, float(clipped)


def standardised(small: Tensor) -> Tensor:
    """Images [N, H, W] as rows [N, H x W] of mean 0 and length 1."""
    rows = small.flatten(1)
    rows = rows - rows.mean(1, keepdim=True)
    return F.normalize(rows, dim=1, eps=1e-6)
