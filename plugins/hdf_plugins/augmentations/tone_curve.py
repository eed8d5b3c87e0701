"""A random smooth curve over the grey values."""

from __future__ import annotations

from math import comb

import torch
from torch import Tensor

from hdf_plugins.augmentations.drawn import LEVELS, DrawnIntensity, apply_curve, between
from hdf_plugins.augmentations.ranges import check_number, check_probability

DEGREE = 6


class ToneCurve(DrawnIntensity):
    """Map the grey values through a random smooth curve that rises from black to white.

    This imitates other vendors' display curves, more freely than `gamma`: dark and bright parts
    gain or lose contrast independently. Black and white stay, and grey values keep their order.
    The curves are Bernstein polynomials with ascending coefficients (Lorentz, Bernstein
    Polynomials, 1986), much like the Bezier curves of Zhou et al., Models Genesis, MICCAI 2019.

    Args:
        strength: how far the curve may leave the diagonal, 0 to 4; at 1.5 middle grey becomes 0.25
            to 0.75; sensible up to 2.
        p: the share of images that is changed, 0 to 1.

    Raises:
        ValueError: an option is out of range.
    """

    basis: Tensor

    def __init__(self, *, strength: float = 1.5, p: float = 0.5) -> None:
        check_number("strength", strength, 0, 4)
        check_probability(p)
        super().__init__(DEGREE, p)
        self.strength = strength
        x = torch.linspace(0, 1, LEVELS, dtype=torch.float64)
        terms = [comb(DEGREE, k) * x**k * (1 - x) ** (DEGREE - k) for k in range(1, DEGREE + 1)]
        self.register_buffer("basis", torch.stack(terms).float(), persistent=False)

    def change(self, images: Tensor, draws: Tensor) -> Tensor:
        """Images [B, 1, H, W], each mapped through its own curve."""
        steps = between(draws, -self.strength, self.strength).exp()
        coefficients = steps.cumsum(1) / steps.sum(1, keepdim=True)
        return apply_curve(images, coefficients @ self.basis.to(images))
