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
    """One pair of lungs; three in four are healthy."""
    density = float(0.24 * np.exp(random.normal(0, 0.15)))
    mottle = float(np.exp(random.normal(0, 0.3)))
    spots, radii, extra = np.zeros((0, 3)), np.zeros(0), np.zeros(0)
    kind = random.random()
    if kind < 0.14:
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
        radii, extra = random.uniform(0.9, 3.0, count), random.uniform(0.1, 0.5, count)
    elif kind < 0.24:
        spots = np.array([[-5.0, 1, 0], [-6, 5, 0], [5, 0, 0], [6, 5, 0]])
        radii, extra = random.uniform(2.5, 4.0, 4), np.full(4, random.uniform(0.05, 0.22))
        mottle *= 1.2
    return Parenchyma(density, mottle, spots * scale, radii, extra)


def lung_density(lungs: Parenchyma, beam: Beam, noise: torch.Generator) -> Tensor:
    """Mean density along each ray relative to soft tissue, float32 [H, W] in [0.05, 0.95]."""
    texture = _texture(noise, beam.size) * lungs.mottle
    patches = torch.zeros(beam.size)
    pixels, _ = beam.project(lungs.centres)
    height, width = beam.size
    x, y = torch.arange(width) + 0.5, (torch.arange(height) + 0.5)[:, None]
    for (column, row), radius, extra in zip(
        pixels, lungs.radii / beam.spacing, lungs.extra, strict=True
    ):
        across = torch.exp(-0.5 * ((x - float(column)) / radius) ** 2)
        patches += float(extra) * across * torch.exp(-0.5 * ((y - float(row)) / radius) ** 2)
    density = lungs.density * (1 + texture) + patches * (1 + texture)
    return density.clamp(0.05, 0.95)


def _texture(noise: torch.Generator, size: tuple[int, int]) -> Tensor:
    """Noise of four octaves, standard deviation about 0.1: the vessels too small to draw."""
    total = torch.zeros(size)
    for factor, share in ((2, 0.07), (4, 0.08), (12, 0.06), (40, 0.08)):
        shape = (1, 1, *(-(-side // factor) + 1 for side in size))
        small = torch.randn(shape, generator=noise)
        total += share * functional.interpolate(small, size=size, mode="bilinear")[0, 0]
    return total
