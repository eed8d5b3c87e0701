"""Line integrals of tubes and sheets along curves: bones, vessels, airways, wires.

Each solid is cut into small patches across and along its curve, and the volume of each patch is
distributed over the four nearest pixels. Volume over pixel area is path length, so the integral is
right even where a tube runs along the beam, as ribs do at the side of the chest.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from hdf_plugins.phantom.projection import Array, Beam


@dataclass(frozen=True)
class Tubes:
    """P curves of S >= 2 points each; lengths in cm.

    The amount is the attenuation per cm relative to soft tissue; negative for air in tissue.
    """

    paths: Array  # float64 [P, S, 3], in the patient
    radius: Array  # [P, S]
    amount: Array  # [P, S]
    hollow: float = 0.0  # inner over outer radius

    def scaled(self, scale: Array) -> Tubes:
        """Tubes stretched along the axes by `scale` [3]; the radius scales with the width."""
        return replace(self, paths=self.paths * scale, radius=self.radius * scale[0])


def tubes(paths: Array, radius: Array | float, amount: Array | float, hollow: float = 0.0) -> Tubes:
    """Tubes along `paths` [P, S, 3]; the other arguments are broadcast to [P, S]."""
    ones = np.ones(paths.shape[:2])
    return Tubes(paths, ones * radius, ones * amount, hollow)


def stroke(canvas: Tensor, beam: Beam, solids: Tubes, step: float = 0.5) -> None:
    """Add the path lengths through tubes, times their amounts, to `canvas`, in place.

    Args:
        canvas: float32 [H + 2, W + 2], the image with a margin of one pixel.
        step: spacing of the patches in pixels; at 0.7 a straight edge is uneven by 5 %.
    """
    pixels, zoom = beam.project(solids.paths)
    measures = np.stack([zoom, solids.radius, solids.amount], -1)
    fine = _resample(np.concatenate([solids.paths, pixels, measures], -1), pixels, 1.3 * step)
    strips = math.ceil(2 * float((solids.radius * zoom).max()) / (beam.spacing * step))
    _splat(canvas, *_patches(fine, max(strips, 2), solids.hollow, beam.spacing))


def _resample(table: Array, pixels: Array, step: float) -> Tensor:
    """Interpolate every column of [P, S, C] linearly every `step` pixels: [P, M, C]."""
    length = np.linalg.norm(np.diff(pixels, axis=1), axis=-1).sum(1).max()
    count = int(np.clip(np.ceil(length / step), 3, 4000))
    place = (np.arange(count) + 0.5) / count * (table.shape[1] - 1)
    lower = np.minimum(place.astype(int), table.shape[1] - 2)
    part = torch.from_numpy((place - lower)[:, None]).float()
    values = torch.from_numpy(table).float()
    return torch.lerp(values[:, lower], values[:, lower + 1], part)


def _patches(
    fine: Tensor, strips: int, hollow: float, spacing: float
) -> tuple[Tensor, Tensor, Tensor]:
    """Pixel positions x and y of the patches, and what each adds to its pixel: [P, M, N] each."""
    space, pixels, (zoom, radius, amount) = fine[..., :3], fine[..., 3:5], fine[..., 5:].unbind(-1)
    ahead, along = _differences(pixels), _differences(space)
    reach = radius * zoom / (spacing * ahead.norm(dim=-1).clamp(min=1e-6))
    edges = torch.linspace(-1, 1, strips + 1)
    across = (edges[1:] + edges[:-1]) / 2
    x = torch.addcmul(pixels[..., :1], (ahead[..., 1] * reach)[..., None], across, value=-1)
    y = torch.addcmul(pixels[..., 1:], (ahead[..., 0] * reach)[..., None], across)
    section = _disc(edges) - (hollow**2 * _disc(edges / hollow) if hollow else 0)
    volume = amount * radius**2 * along.norm(dim=-1) * (zoom / spacing) ** 2
    return x, y, volume[..., None] * section.diff()


def _differences(values: Tensor) -> Tensor:
    """Central differences along the curve [P, M, C]; one-sided at its ends."""
    steps = values.diff(dim=1)
    return torch.cat([steps[:, :1], (steps[:, 1:] + steps[:, :-1]) / 2, steps[:, -1:]], 1)


def _disc(offset: Tensor) -> Tensor:
    """Area of the unit disc up to `offset` from its middle, up to a constant."""
    offset = offset.clamp(-1, 1)
    return offset * (1 - offset**2).sqrt() + offset.asin()


def _splat(canvas: Tensor, x: Tensor, y: Tensor, weights: Tensor) -> None:
    """Distribute each weight over the four pixel centres around its point."""
    height, width = canvas.shape
    # Points outside are moved onto the margin, which is never read.
    x, y = x.add_(0.5).clamp_(0, width - 1.0001), y.add_(0.5).clamp_(0, height - 1.0001)
    column, row = x.int(), y.int()
    x, y = x.sub_(column), y.sub_(row)
    start = row.mul_(width).add_(column).flatten()
    flat, below = canvas.view(-1), weights * y
    for first, part in ((0, weights - below), (width, below)):
        right = part * x
        flat[first:].index_add_(0, start, (part - right).flatten())
        flat[first + 1 :].index_add_(0, start, right.flatten())
