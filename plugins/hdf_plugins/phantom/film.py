"""From attenuation to grey: Beer-Lambert, scatter, quantum noise and the receptor's response."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

OPEN = 0.12  # transmission above which a ray has met little tissue


@dataclass(frozen=True)
class Exposure:
    """How one image was taken and processed.

    Attributes:
        quanta: X-ray quanta per pixel at the middle exposure, at 224 pixels.
        scatter: scattered over primary radiation.
        contrast: slope of the logistic response over the patient's range of densities.
        middle: where in that range the response is steepest, 0 to 1.
        low, high: grey at the two ends.
        sharpness: unsharp masking of fine structures, 0 for none.
        levelling: share of the coarse differences that processing takes away, 0 to 1.
        blur: receptor blur, standard deviation in pixels at 224.
        motion: of heart and diaphragm, by which their borders are blurred; standard deviation, cm.
    """

    quanta: float
    scatter: float
    contrast: float
    middle: float
    low: float
    high: float
    sharpness: float
    levelling: float
    blur: float
    motion: float


def draw_exposure(random: np.random.Generator, habitus: float) -> Exposure:
    """Three in ten images are dim: their marker alone reaches white, as after rescaling to it."""
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
    """The grey image.

    Args:
        attenuation: the line integral of the attenuation coefficient, float32 [H, W].
        exposure: see there.
        noise: source of the quantum noise.

    Returns:
        float32 [H, W] in [0, 1], bone bright.
    """
    unit = min(attenuation.shape) / 224
    primary = torch.exp(-attenuation)
    # The open beam beside the patient hits nothing that would scatter it.
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
    """Densities of lung and of the thickest parts, from the middle of the image."""
    height, width = density.shape
    inner = density[height // 6 : -height // 6 : 3, width // 8 : -width // 8 : 3]
    low, high = inner.flatten().quantile(torch.tensor([0.1, 0.93]))
    return low, high


def smooth(image: Tensor, sigma: float) -> Tensor:
    """Gaussian blur with mirrored borders; wide ones work on a coarser grid."""
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
