"""How alike two radiographs are, with one mirrored, zoomed, rotated and shifted onto the other."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

MOST_SHIFT = 0.125
"""The largest shift in either direction, as a share of the side."""
SIGMA = 4.0
"""Of the Gaussian that stands for a pixel's neighbourhood, in pixels."""
NOISE = 0.2
"""The contrast, in standard deviations of grey, below which it is noise."""


class Pose(NamedTuple):
    """The transform that lays each of B images onto another: zoom float32 [B], above 1 to enlarge;
    angle float32 [B], degrees; mirrored bool [B].
    """

    zoom: Tensor
    angle: Tensor
    mirrored: Tensor

    def of(self, index: Tensor) -> Pose:
        return Pose(*(part[index] for part in self))


def posed(images: Tensor, pose: Pose) -> Tensor:
    """Images [B, N, N] transformed by their poses, and reflected at their edges."""
    angle = torch.deg2rad(pose.angle)
    cosine, sine = torch.cos(angle) / pose.zoom, torch.sin(angle) / pose.zoom
    sign = torch.where(pose.mirrored, -1.0, 1.0)
    rows = (cosine * sign, -sine, cosine * 0, sine * sign, cosine, cosine * 0)
    matrices = torch.stack(rows, 1).view(-1, 2, 3)
    grid = F.affine_grid(matrices, [len(images), 1, *images.shape[1:]], align_corners=False)
    mode = {"padding_mode": "reflection", "align_corners": False}
    return F.grid_sample(images[:, None], grid, **mode)[:, 0]  # type: ignore[arg-type]


def structure(images: Tensor, smooth: float = 1.0) -> Tensor:
    """Edges and textures without the exposure, float32 [B, N, N] of mean 0.

    Each pixel's difference from its neighbourhood, divided by the contrast there and blurred with a
    Gaussian of sigma `smooth`.
    """
    spread, mean = torch.std_mean(images, (1, 2), keepdim=True)
    images = (images - mean) / spread.clamp(min=1e-3)
    detail = images - blurred(images, SIGMA)
    contrast = blurred(detail.square(), SIGMA).clamp(min=0).sqrt()
    found = blurred(detail / (contrast + NOISE), smooth)
    return found - found.mean((1, 2), keepdim=True)


def blurred(images: Tensor, sigma: float) -> Tensor:
    """A Gaussian blur of [B, N, N]."""
    reach = max(1, round(2.5 * sigma))
    at = torch.arange(-reach, reach + 1)
    weights = torch.exp(-at.square() / (2 * sigma**2))
    weights = (weights / weights.sum()).view(1, 1, 1, -1)
    padded = F.pad(images[:, None], [reach] * 4, mode="reflect")
    return F.conv2d(F.conv2d(padded, weights), weights.mT)[:, 0]


def correlation(first: Tensor, second: Tensor) -> Tensor:
    """The correlation of the overlap of two structures [B, N, N] at the best shift, [B] in [-1, 1].

    Negative if one is the negative of the other. Padfield, Masked object registration
    in the Fourier domain, 2012, with whole images as masks.
    """
    side = first.shape[-1]
    reach = round(side * MOST_SHIFT)
    size = (side + reach, side + reach)

    def crossed(one: Tensor, other: Tensor) -> Tensor:
        products = torch.fft.rfft2(one, s=size) * torch.fft.rfft2(other, s=size).conj()
        found: Tensor = torch.fft.irfft2(products, s=size)
        within = found.roll((reach, reach), (1, 2))[:, : 2 * reach + 1, : 2 * reach + 1]
        return within.flatten(1)

    whole = torch.ones(1, side, side)
    energy = crossed(first.square(), whole) * crossed(whole, second.square())
    found = crossed(first, second) / energy.clamp(min=1e-6).sqrt()
    return found.gather(1, found.abs().argmax(1, keepdim=True))[:, 0]


class Look(NamedTuple):
    """How closely pairs are compared.

    Attributes:
        side: of the images, in pixels.
        smooth: as `structure` takes it.
        zooms: factors to try.
        angles: degrees to add.
        least: the correlation that a pair needs to be looked at further.
    """

    side: int
    smooth: float
    zooms: tuple[float, ...]
    angles: tuple[float, ...]
    least: float


def refined(first: Tensor, second: Tensor, start: Pose, look: Look) -> tuple[Tensor, Pose]:
    """The correlation [B] of images [B, N, N] laid onto others, at the best of the poses around
    `start`, and these poses.
    """
    target = structure(second, look.smooth)
    best, pose = torch.zeros(len(first)), start
    for zoom in look.zooms:
        for angle in look.angles:
            tried = start._replace(zoom=start.zoom * zoom, angle=start.angle + angle)
            found = correlation(structure(posed(first, tried), look.smooth), target)
            better = found.abs() > best.abs()
            best = torch.where(better, found, best)
            pose = Pose(*(torch.where(better, *both) for both in zip(tried, pose, strict=True)))
    return best, pose
