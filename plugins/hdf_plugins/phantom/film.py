"""From attenuation to grey: Beer-Lambert, scatter, noise, response, collimation, side marker."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from hdf_plugins.phantom.projection import Random

OPEN = 0.12  # transmission above which a ray has met little tissue


@dataclass(frozen=True)
class Exposure:
    """How one image was taken and processed; pixels are those of an image of 224."""

    quanta: float  # X-ray quanta per pixel at the middle exposure
    scatter: float  # scattered over primary radiation
    contrast: float  # slope of the logistic response over the patient's range of optical densities
    middle: float  # where in that range the response is steepest, 0 to 1
    low: float  # grey value of the darkest end
    high: float  # grey value of the brightest end
    sharpness: float  # strength of unsharp masking, 0 for none
    levelling: float  # share of the coarse differences that processing removes, 0 to 1
    blur: float  # standard deviation of the receptor's blur, pixels
    motion: float  # of the blur by the motion of heart and diaphragm, cm


def draw_exposure(random: Random, habitus: float) -> Exposure:
    """A random exposure; in three images in ten only the side marker reaches white."""
    dim = random.random() < 0.3
    return Exposure(
        quanta=float(np.exp(random.normal(np.log(16000), 0.6))),
        scatter=random.uniform(0.3, 1.1) + 0.5 * habitus,
        contrast=float(np.exp(random.normal(np.log(2.6), 0.33))),
        middle=random.normal(0.08, 0.15),
        low=random.uniform(0.0, 0.06),
        high=random.uniform(0.4, 0.75) if dim else random.uniform(0.86, 1.0),
        sharpness=random.uniform(0.2, 1.4),
        levelling=random.uniform(0.0, 0.6),
        blur=float(0.3 * 2.7 ** random.random()),
        motion=random.uniform(0.05, 0.25),
    )


def expose(attenuation: Tensor, exposure: Exposure, noise: torch.Generator) -> Tensor:
    """The grey image, float32 [H, W] in [0, 1], bone bright, of line integrals of attenuation."""
    unit = min(attenuation.shape) / 224
    primary = torch.exp(-attenuation)
    # The open beam beside the patient meets nothing that would scatter it.
    scattered = smooth(primary.clamp(max=OPEN), 24 * unit) * exposure.scatter
    signal = smooth(primary, exposure.blur * unit) + scattered
    density = -signal.log()
    density = density - exposure.levelling * smooth(density, 30 * unit)
    thin, thick = _range(density)
    grain = torch.randn(signal.shape, generator=noise)
    loss = ((density - (thin + thick) / 2) / 2).exp() * unit / exposure.quanta**0.5
    density = density + grain * loss
    density = density + exposure.sharpness * (density - smooth(density, 7 * unit))
    steps = exposure.contrast * ((density - thin) / (thick - thin) - exposure.middle)
    return exposure.low + (exposure.high - exposure.low) * torch.sigmoid(steps)


def _range(density: Tensor) -> tuple[Tensor, Tensor]:
    """Optical densities of the lungs and of the thickest parts, from the middle of the image."""
    height, width = density.shape
    inner = density[height // 6 : -height // 6 : 3, width // 8 : -width // 8 : 3]
    low, high = inner.flatten().quantile(torch.tensor([0.1, 0.93]))
    return low, high


def smooth(image: Tensor, sigma: float) -> Tensor:
    """Gaussian blur with replicated borders; wide kernels work on a coarser grid."""
    factor = max(1, int(sigma / 3))
    if factor > 1:
        height, width = image.shape
        padding = (0, -width % factor, 0, -height % factor)
        even = functional.pad(image[None, None], padding, mode="replicate")
        small = smooth(functional.avg_pool2d(even, factor)[0, 0], sigma / factor)[None, None]
        large = functional.interpolate(small, scale_factor=factor, mode="bilinear")
        return large[0, 0, :height, :width]
    reach = math.ceil(3 * sigma)
    weights = [math.exp(-0.5 * (shift / sigma) ** 2) for shift in range(-reach, reach + 1)]
    blurred = functional.pad(image[None, None], [reach] * 4, mode="replicate")[0, 0]
    for axis in (0, 1):
        lines = image.shape[axis]
        total = torch.zeros_like(blurred.narrow(axis, 0, lines))
        for shift, weight in enumerate(weights):
            total.add_(blurred.narrow(axis, shift, lines), alpha=weight / sum(weights))
        blurred = total
    return blurred


GLYPHS = {
    "L": "10000 10000 10000 10000 10000 10000 11111",
    "R": "11110 10001 10001 11110 10100 10010 10001",
}


def burn_marker(image: Tensor, random: Random) -> None:
    """Burn the side letter into `image` [H, W] in place: white, often on a black plate.

    "R" is on the image's left, "L" on its right; one image in six has none.
    """
    if random.random() < 1 / 6:
        return
    side = "R" if random.random() < 0.6 else "L"
    height, width = image.shape
    tall = max(7, round(random.uniform(0.03, 0.06) * min(height, width)))
    letter = _letter(side, tall)
    rows, columns = letter.shape
    across = random.uniform(0.02, 0.3) * width
    left = round(across if side == "R" else width - across - columns)
    top = round(random.uniform(0.02, 0.13) * height)
    window = image[top : top + rows, left : left + columns]
    letter = letter[: window.shape[0], : window.shape[1]]
    plate = random.random() < 0.6
    window.copy_(letter + (1 - letter) * window * (not plate))


def _letter(side: str, tall: int) -> Tensor:
    """A letter `tall` pixels high, with a margin: float32 [rows, columns]."""
    dots = torch.tensor([[float(dot) for dot in row] for row in GLYPHS[side].split()])
    size = (tall, max(5, round(tall * 0.72)))
    drawn = functional.interpolate(dots[None, None], size=size, mode="bilinear")[0, 0]
    drawn = (2.5 * drawn - 0.6).clamp(0, 1)
    margin = max(1, tall // 5)
    return functional.pad(drawn, [margin] * 4)


def collimate(image: Tensor, random: Random) -> None:
    """Darken what the shutters cover in `image` [H, W], in place: seldom more than 5 % per side."""
    if random.random() < 0.7:
        return
    height, width = image.shape
    y = torch.arange(height)[:, None] / height - 0.5
    x = torch.arange(width) / width - 0.5
    turn = np.deg2rad(random.normal(0, 0.7))
    level = float(image.min()) * random.random()
    upright, across = y * np.cos(turn) + x * np.sin(turn), x * np.cos(turn) - y * np.sin(turn)
    for along in (upright, -upright, across, -across):
        edge = 0.5 - max(0.0, random.normal(0.0, 0.022))
        if edge < 0.5:
            image.masked_fill_(along > edge, level)
