"""Changes of the lungs' density: thin or dense lungs, patches, oedema around the hila."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from hdf_plugins.phantom.beam import Array, Beam


@dataclass(frozen=True)
class Parenchyma:
    """The substance of the lungs.

    Attributes:
        density: of soft tissue's, in health.
        mottle: relative standard deviation of the fine structure.
        centres: middles of K patches in cm, [K, 3].
        radii: their standard deviations, cm [K].
        extra: how much density each adds, [K].
    """

    density: float
    mottle: float
    centres: Array
    radii: Array
    extra: Array


def make_parenchyma(random: np.random.Generator, scale: Array) -> Parenchyma:
    """One pair of lungs, hazy around the hila and at the bases; three in five are healthy."""
    density = float(0.26 * np.exp(random.normal(0, 0.2)))
    mottle = float(np.exp(random.normal(0, 0.3)))
    haze = _haze(random)
    spots, radii, extra = np.zeros((0, 3)), np.zeros(0), np.zeros(0)
    kind = random.random()
    if kind < 0.28:
        count = random.integers(1, 4)
        side = random.choice([-1, 1], (count, 1))
        spots = np.concatenate(
            [
                side * random.uniform(4, 11, (count, 1)),
                random.uniform(-7, 8, (count, 1)),
                np.zeros((count, 1)),
            ],
            1,
        )
        radii, extra = random.uniform(0.9, 3.5, count), random.uniform(0.1, 0.5, count)
    elif kind < 0.4:
        spots = np.array([[-5.0, 1, 0], [-6, 5, 0], [5, 0, 0], [6, 5, 0]])
        radii, extra = random.uniform(2.5, 4.0, 4), np.full(4, random.uniform(0.05, 0.22))
        mottle *= 1.2
    spots = np.concatenate([spots, haze]) * scale
    radii = np.concatenate([radii, random.uniform(1.5, 3.5, len(haze))])
    extra = np.concatenate([extra, random.uniform(-0.03, 0.16, len(haze))])
    return Parenchyma(density, mottle, spots, radii, extra)


def _haze(random: np.random.Generator) -> Array:
    """Where small vessels and overlying soft tissue add up: hila, bases, behind the heart."""
    usual = np.array([[-4.0, 1.0, 0], [-4.5, 6.0, 0], [4.5, 1.0, 0], [7.0, 6.5, 0]])
    return np.asarray(usual + random.normal(0, [1.0, 1.2, 0], usual.shape))


def lung_density(lungs: Parenchyma, beam: Beam, noise: torch.Generator) -> Tensor:
    """Mean density along each ray relative to soft tissue, float32 [H, W] in [0.05, 0.95]."""
    mottle = texture(noise, beam.size, VESSELS) * lungs.mottle
    patches = torch.zeros(beam.size)
    pixels, _ = beam.project(lungs.centres)
    height, width = beam.size
    x, y = torch.arange(width) + 0.5, (torch.arange(height) + 0.5)[:, None]
    for (column, row), radius, extra in zip(
        pixels, lungs.radii / beam.spacing, lungs.extra, strict=True
    ):
        across = torch.exp(-0.5 * ((x - float(column)) / radius) ** 2)
        patches += float(extra) * across * torch.exp(-0.5 * ((y - float(row)) / radius) ** 2)
    density = lungs.density * (1 + mottle) + patches * (1 + mottle)
    return density.clamp(0.05, 0.95)


VESSELS = ((2, 0.07), (4, 0.08), (12, 0.06), (40, 0.08))  # the vessels too small to draw
BOWEL = ((8, 0.4), (16, 0.8), (40, 0.8))


def texture(
    noise: torch.Generator, size: tuple[int, int], octaves: tuple[tuple[int, float], ...]
) -> Tensor:
    """Noise of several octaves, (coarseness in pixels, standard deviation before interpolation)."""
    total = torch.zeros(size)
    for factor, share in octaves:
        shape = (1, 1, *(-(-side // factor) + 1 for side in size))
        small = torch.randn(shape, generator=noise)
        total += share * functional.interpolate(small, size=size, mode="bilinear")[0, 0]
    return total
