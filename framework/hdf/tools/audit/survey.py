"""The figures of every image without its padding, and the blank, clipped and inverted ones."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from hdf.data.store import Progress, Store
from hdf.tools.audit import Finding, Severity
from hdf.types import Geometry

SIDE = 32
BATCH = 256
ENDS = (2, 253)
"""A pixel is clipped if its grey value of 256 is at most the first or at least the second."""
BLANK = 0.04
"""An image with a smaller spread is blank. The flattest of 200 radiographs has 0.10."""
CLIPPED, BADLY_CLIPPED = 0.05, 0.2
"""Clipped shares of the middle quarter: a warning, severe. 200 radiographs have 0.003."""
INVERTED, UNLIKE = -0.2, 0.3
"""Upper limits of the likeness. 200 radiographs have 0.51 to 0.93, their negatives the opposite."""
FEWEST = 10
"""The fewest images to call one unlike the others."""


@dataclass(frozen=True)
class Survey:
    """The figures of the N images of a store, float32.

    Attributes:
        digest: of each image's pixels, to find equal ones.
        spread: [N], the 95th less the 5th percentile of the grey values, in [0, 1].
        clipped: [N], the share of black and white among the pixels of the middle quarter.
        small: [N, SIDE, SIDE] in [0, 1], stretched to a square.
    """

    store: Store
    digest: Sequence[bytes]
    spread: Tensor
    clipped: Tensor
    small: Tensor

    @property
    def names(self) -> list[str]:
        return [sample.id for sample in self.store.samples]

    def at(self, index: Tensor, side: int) -> Tensor:
        """Images of int64 [B], float32 [B, side, side] in [0, 1], stretched to a square."""
        films = zip(self.store.images[index], index.tolist(), strict=True)
        shown = [unpadded(image[0], self.store.geometry[position]) for image, position in films]
        return torch.stack([_squared(film, side) for film in shown])


def survey(store: Store, progress: Progress) -> Survey:
    """Compute the figures of every image of a store."""
    seen: list[tuple[bytes, float, float, Tensor]] = []
    for start in range(0, len(store), BATCH):
        index = torch.arange(start, min(start + BATCH, len(store)))
        for image, position in zip(store.images[index], index.tolist(), strict=True):
            film = unpadded(image[0], store.geometry[position])
            digest = hashlib.blake2b(image.numpy().tobytes(), digest_size=16).digest()
            seen.append((digest, *_numbers(film), _squared(film, SIDE)))
        progress(len(seen), len(store))
    digests, spread, clipped, small = zip(*seen, strict=True)
    stacked = torch.stack(small)
    return Survey(store, digests, torch.tensor(spread), torch.tensor(clipped), stacked)


def unpadded(image: Tensor, geometry: Geometry) -> Tensor:
    """The part of a network image [H, W] that shows the original, without a letterbox's padding."""
    left, top = map(int, geometry.offset)
    height, width = (
        max(1, round(side * scale))
        for side, scale in zip(geometry.original_size, reversed(geometry.scale), strict=True)
    )
    return image[top : top + height, left : left + width]


def _squared(film: Tensor, side: int) -> Tensor:
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
    return F.normalize(rows - rows.mean(1, keepdim=True), dim=1, eps=1e-6)


def find_bad_exposures(survey: Survey, likeness: Tensor) -> Iterator[Finding]:
    """Blank, clipped, inverted and unusual images, by what `likeness_to_all` returns."""
    for row, name in enumerate(survey.names):
        if survey.spread[row] < BLANK:
            spread = f"{float(survey.spread[row]):.1%} of the grey scale"
            yield Finding(name, "blank", "severe", f"nine tenths of its pixels lie within {spread}")
            continue
        share = float(survey.clipped[row])
        if share >= CLIPPED:
            detail = f"{share:.0%} of the pixels in its middle are black or white"
            severity: Severity = "severe" if share >= BADLY_CLIPPED else "warning"
            yield Finding(name, "clipped", severity, detail)
        if likeness[row] < INVERTED:
            detail = "bone is dark and air is bright, against the other images"
            yield Finding(name, "inverted", "severe", detail)
        elif likeness[row] < UNLIKE and len(survey.names) >= FEWEST:
            detail = f"resembles a frontal chest like the others little ({likeness[row]:.2f} of 1)"
            yield Finding(name, "unlike", "warning", detail)


def likeness_to_all(small: Tensor, usable: Tensor) -> Tensor:
    """The correlation of each image [N, SIDE, SIDE] with the first principal component of the
    usable ones (bool [N]), [N] in [-1, 1].

    A few inverted images do not change the component; its sign is such that lungs are dark.
    """
    rows = standardised(small)
    if not usable.any():
        return torch.zeros(len(small))
    common = torch.linalg.eigh(rows[usable].T @ rows[usable]).eigenvectors[:, -1]
    weights, inside = _dark_lungs()
    shown = common[inside] - common[inside].mean()
    common = common if shown @ (weights - weights.mean()) >= 0 else -common
    return torch.mv(rows, common)


def upright(small: Tensor, likeness: Tensor) -> Tensor:
    """The images, [N, SIDE, SIDE], with inverted ones inverted back."""
    return torch.where((likeness < INVERTED)[:, None, None], 1 - small, small)


def _dark_lungs() -> tuple[Tensor, Tensor]:
    """An idealised chest: M values, and the mask bool [SIDE x SIDE] of their pixels."""
    centre = (torch.arange(SIDE) + 0.5) / SIDE
    y, x = torch.meshgrid(centre, centre, indexing="ij")
    lungs = sum((((x - at) / 0.14) ** 2 + ((y - 0.42) / 0.27) ** 2 <= 1) for at in (0.29, 0.71))
    inside = (x - 0.5).abs().lt(0.4) & y.gt(0.08) & y.lt(0.85)
    return -torch.as_tensor(lungs).float()[inside], inside.flatten()
