"""The lungs: branching vessels, airways, and the density of the tissue between them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from hdf_plugins.phantom.projection import Array, Beam, Random
from hdf_plugins.phantom.strokes import Tubes, tubes

LEVELS = 6
HILUM = np.array([3.0, -0.5, 0.0])
Segments = tuple[Array, ...]


def make_vessels(random: Random) -> list[Tubes]:
    """Arteries and veins of both lungs: random trees that fan out from the hila, by levels."""
    starts, headings, radii, lengths = _hila(random)
    levels = []
    for amount in np.linspace(1.0, 1.6, LEVELS):
        paths, ends, arrived = _grow(random, starts, headings, lengths)
        levels.append(tubes(paths, radii[:, None] * np.linspace(1.0, 0.82, 5), float(amount)))
        starts, headings, radii, lengths = _fork(random, ends, arrived, radii, lengths)
    return levels


def make_airways(random: Random) -> list[Tubes]:
    """Trachea and main bronchi, filled with air."""
    drift = random.normal(0.3, 0.25)
    y = np.linspace(-20, -2.6, 24)
    x = np.interp(y, [-20, -9, -5, -2.6], [0, 0, drift, 0.2])
    trachea = np.stack([x, y, np.interp(y, [-20, -2.6], [2.0, -1.5])], -1)[None]
    part = np.linspace(0, 1, 12)[:, None]
    carina = np.array([0.2, -2.8, -1.5])
    mains = np.stack([carina + part * [-3.4, 3.2, 0.5], carina + part * [4.6, 2.9, -0.5]])
    calibre, clear = random.normal(0.88, 0.08), -random.uniform(0.3, 1.0)
    bronchi = tubes(mains, 0.6 * np.linspace(1, 0.7, 12), clear)
    return [tubes(trachea, calibre, clear), bronchi]


def _hila(random: Random) -> Segments:
    """The first segments: [P, 3] starts, [P, 3] unit headings, [P] radii and lengths, cm."""
    starts, headings = [], []
    for side, height, lowest, count in ((-1, -0.2, 76, 10), (1, -1.0, 58, 9)):
        angle = np.deg2rad(np.linspace(-78, lowest, count) + random.normal(0, 7, count))
        outward = np.stack([side * np.cos(angle), np.sin(angle)], -1)
        depth = random.normal(0, 0.5, (count, 1))
        headings.append(np.concatenate([outward, depth], 1))
        y = height + 1.6 * np.sin(angle) + random.normal(0, 0.3, count)
        x = np.full(count, side * 2.9) + random.normal(0, 0.3, count)
        starts.append(np.stack([x, y, random.normal(0, 1.0, count)], -1))
    heading = _unit(np.concatenate(headings))
    radii = (0.46 + 0.10 * heading[:, 1]) * random.uniform(0.7, 1.15, len(heading))
    return np.concatenate(starts), heading, radii, random.uniform(1.3, 2.9, len(heading))


def _unit(vectors: Array) -> Array:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def _grow(random: Random, starts: Array, headings: Array, lengths: Array) -> Segments:
    """Gently bent segments: paths [P, 5, 3], end points and headings on arrival."""
    part = np.linspace(0, 1, 5)[None, :, None]
    bend = random.normal(0, 0.28, headings.shape)
    step = lengths[:, None, None]
    paths = starts[:, None] + step * (part * headings[:, None] + part**2 * bend[:, None] / 2)
    return paths, paths[:, -1], _unit(headings + bend)


def _fork(random: Random, ends: Array, headings: Array, radii: Array, lengths: Array) -> Segments:
    """Two children for each segment: one continues, the other turns off and is thinner."""
    children = []
    for turn, share, reach in ((0.22, 0.76, 0.86), (0.55, 0.64, 0.82)):
        outward = ends - np.where(ends[:, :1] < 0, [-1, 1, 1], 1) * HILUM
        outward /= np.linalg.norm(outward, axis=1, keepdims=True) + 1e-6
        heading = _unit(headings + 0.25 * outward + random.normal(0, turn, headings.shape))
        spread = random.uniform(0.88, 1.12, len(ends))
        children.append((ends, heading, radii * share * spread, lengths * reach * spread))
    starts, turned, thinner, shorter = map(np.concatenate, zip(*children, strict=True))
    return starts, turned, np.maximum(thinner, 0.045), shorter


@dataclass(frozen=True)
class Parenchyma:
    """The tissue of the lungs, with K Gaussian patches."""

    density: float  # relative to soft tissue, without disease
    mottle: float  # strength of the fine structure; 1 is average
    centres: Array  # of the patches, cm [K, 3]
    radii: Array  # their standard deviations, cm [K]
    extra: Array  # the density that each adds, [K]


def make_parenchyma(random: Random, scale: Array) -> Parenchyma:
    """One pair of lungs, hazy around the hila and at the bases; three pairs in five are healthy."""
    density = float(0.26 * np.exp(random.normal(0, 0.2)))
    mottle = float(np.exp(random.normal(0, 0.3)))
    # Where small vessels and soft tissue superimpose: hila, bases, behind the heart.
    usual = np.array([[-4.0, 1.0, 0], [-4.5, 6.0, 0], [4.5, 1.0, 0], [7.0, 6.5, 0]])
    haze = usual + random.normal(0, [1.0, 1.2, 0], usual.shape)
    spots, radii, extra = np.zeros((0, 3)), np.zeros(0), np.zeros(0)
    kind = random.random()
    if kind < 0.28:
        count = random.integers(1, 4)
        side = random.choice([-1, 1], count)
        x, y = side * random.uniform(4, 11, count), random.uniform(-7, 8, count)
        spots = np.stack([x, y, np.zeros(count)], 1)
        radii, extra = random.uniform(0.9, 3.5, count), random.uniform(0.1, 0.5, count)
    elif kind < 0.4:
        spots = np.array([[-5.0, 1, 0], [-6, 5, 0], [5, 0, 0], [6, 5, 0]])
        radii, extra = random.uniform(2.5, 4.0, 4), np.full(4, random.uniform(0.05, 0.22))
        mottle *= 1.2
    spots = np.concatenate([spots, haze]) * scale
    radii = np.concatenate([radii, random.uniform(1.5, 3.5, len(haze))])
    extra = np.concatenate([extra, random.uniform(-0.03, 0.16, len(haze))])
    return Parenchyma(density, mottle, spots, radii, extra)


def lung_density(lungs: Parenchyma, beam: Beam, noise: torch.Generator) -> Tensor:
    """Mean density along each ray relative to soft tissue, float32 [H, W] in [0.05, 0.95]."""
    mottle = texture(noise, beam.size, VESSELS) * lungs.mottle
    patches = torch.zeros(beam.size)
    pixels, _ = beam.project(lungs.centres)
    height, width = beam.size
    x, y = torch.arange(width) + 0.5, (torch.arange(height) + 0.5)[:, None]
    radii = lungs.radii / beam.spacing
    for (column, row), radius, extra in zip(pixels, radii, lungs.extra, strict=True):
        across = torch.exp(-0.5 * ((x - float(column)) / radius) ** 2)
        patches += float(extra) * across * torch.exp(-0.5 * ((y - float(row)) / radius) ** 2)
    density = lungs.density * (1 + mottle) + patches * (1 + mottle)
    return density.clamp(0.05, 0.95)


VESSELS = ((2, 0.07), (4, 0.08), (12, 0.06), (40, 0.08))  # vessels too small to draw
BOWEL = ((8, 0.4), (16, 0.8), (40, 0.8))


def texture(
    noise: torch.Generator, size: tuple[int, int], octaves: tuple[tuple[int, float], ...]
) -> Tensor:
    """Noise [H, W] of several octaves: (grid in pixels, deviation before interpolation)."""
    total = torch.zeros(size)
    for factor, deviation in octaves:
        shape = (1, 1, *(-(-side // factor) + 1 for side in size))
        small = torch.randn(shape, generator=noise)
        total += deviation * functional.interpolate(small, size=size, mode="bilinear")[0, 0]
    return total
