"""Pacemakers, wires, tubes and electrodes over the chest."""

from __future__ import annotations

from math import pi
from typing import NamedTuple

import torch
from torch import Tensor

from hdf_plugins.augmentations.base import DrawnIntensity, between, check_range, cover

WIRES, ELECTRODES, KNOTS = 3, 4, 4
DRAWS = (2, WIRES * (2 * KNOTS + 2), ELECTRODES * 4, 5)
"""Random numbers per image: for the common appearance, wires, electrodes and housing."""
WIRE, ELECTRODE, PACEMAKER = 0.6, 0.35, 0.35
"""The probability of each; the first wire is always drawn."""


class Devices(DrawnIntensity):
    """Draw wires, tubes, electrodes and pacemakers over the image, bright and partly transparent.

    An image gets one to three smooth curves, up to four discs, and sometimes a housing in one of
    the upper corners, at random places. They teach that bright objects are no borders of organs,
    and imitate no particular device. Boxes and masks stay.

    Args:
        opacity: the smallest and the largest opacity, 0 to 1.
        width: the smallest and the largest width of a wire or tube, as a fraction of the image's
            longer side, 0.001 to 0.1; nothing is drawn thinner than about a pixel.
        p: the share of images that is changed, 0 to 1.
    """

    def __init__(
        self,
        *,
        opacity: tuple[float, float] = (0.4, 1.0),
        width: tuple[float, float] = (0.005, 0.02),
        p: float = 0.3,
    ) -> None:
        check_range("opacity", opacity, 0, 1)
        check_range("width", width, 0.001, 0.1)
        super().__init__(sum(DRAWS), p)
        self.opacity, self.width = opacity, width

    def change(self, images: Tensor, draws: Tensor) -> Tensor:
        size = (images.shape[-2], images.shape[-1])
        look, wires, electrodes, housing = torch.split(draws, list(DRAWS), 1)
        groups = [
            self._wires(wires.view(len(draws), WIRES, -1), size),
            _electrodes(electrodes.view(len(draws), ELECTRODES, -1), size),
            _housing(housing[:, None], size),
        ]
        opacity, level = between(look[:, 0], *self.opacity), between(look[:, 1], 0.8, 1)
        amount = covered(groups, size) * opacity[:, None, None]
        return cover(images, amount, level)

    def _wires(self, draws: Tensor, size: tuple[int, int]) -> Ribbons:
        """Bezier curves."""
        side = max(size)
        knots = draws[..., :-2].reshape(len(draws), WIRES, KNOTS, 2)
        t = _steps(2 * side, draws)[:, None]
        terms = [(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3]
        middle = torch.cat(terms, 1) @ _in_pixels(between(knots, -0.15, 1.15), size)
        half = (between(draws[..., -2], *self.width) * side / 2).clamp(min=0.5)
        present = (draws[..., -1] < WIRE).float()
        present[:, 0] = 1
        strips = 2 + int(self.width[1] * side)
        return Ribbons(middle, half[..., None].expand(middle.shape[:-1]), present, strips)


def _electrodes(draws: Tensor, size: tuple[int, int]) -> Ribbons:
    """Discs."""
    side = max(size)
    radius = between(draws[..., 2, None], 0.01, 0.022) * side
    steps = 2 * _steps(2 + int(0.05 * side), draws) - 1
    place = _in_pixels(between(draws[..., :2], 0.05, 0.95), size)[..., None, :]
    along = radius * steps
    middle = place + torch.stack([along, torch.zeros_like(along)], -1)
    half = radius * (1 - steps**2).sqrt()
    return Ribbons(middle, half, (draws[..., 3] < ELECTRODE).float(), len(steps))


def _housing(draws: Tensor, size: tuple[int, int]) -> Ribbons:
    """A rounded plate in one of the upper corners of the chest."""
    x, y, turn, radius, there = draws.unbind(-1)
    side = max(size)
    x = torch.where(x < 0.5, between(2 * x, 0.12, 0.3), between(2 * x - 1, 0.7, 0.88))
    place = _in_pixels(torch.stack([x, between(y, 0.12, 0.35)], -1), size)
    radius = between(radius, 0.025, 0.045) * side
    along = torch.stack([(pi * turn).cos(), (pi * turn).sin()], -1) * 1.4 * radius[..., None]
    steps = 2 * _steps(4 + int(0.13 * side), draws) - 1
    middle = place[..., None, :] + along[..., None, :] * steps[:, None]
    half = radius[..., None] * (1 - steps**4).sqrt()
    return Ribbons(middle, half, (there < PACEMAKER).float(), 2 + int(0.09 * side))


def _in_pixels(places: Tensor, size: tuple[int, int]) -> Tensor:
    """Fractions (x, y) [..., 2] of an image of (height, width), in pixels."""
    x, y = places.unbind(-1)
    return torch.stack([x * size[1], y * size[0]], -1)


def _steps(count: int, like: Tensor) -> Tensor:
    """The centres of `count` equal steps from 0 to 1."""
    return (torch.arange(count, device=like.device) + 0.5) / count


class Ribbons(NamedTuple):
    """K ribbons per image: curves whose width may change along them; lengths in pixels."""

    middle: Tensor  # float32 [B, K, N, 2], points (x, y) along them
    half: Tensor  # float32 [B, K, N], half the width there
    present: Tensor  # float32 [B, K], 0 for a ribbon that is not drawn, else 1
    strips: int  # points across a ribbon, at most about a pixel apart


def covered(groups: list[Ribbons], size: tuple[int, int]) -> Tensor:
    """The share of each pixel that ribbons cover, float32 [B, H, W] in [0, 1].

    Each patch of a ribbon distributes its area over the four pixels around it.
    """
    height, width = size
    patches = [_patches(group) for group in groups]
    x, y, area = (torch.cat(part, 1) for part in zip(*patches, strict=True))
    canvas = area.new_zeros(len(area), (height + 3) * (width + 3))
    # Points outside are moved onto the margin, which is never read.
    x, y = (x + 0.5).clamp(0, width + 1), (y + 0.5).clamp(0, height + 1)
    column, row = x.long(), y.long()
    right, down = x - column, y - row
    start = row * (width + 3) + column
    below = area * down
    for first, part in ((0, area - below), (width + 3, below)):
        beside = part * right
        canvas.scatter_add_(1, start + first, part - beside)
        canvas.scatter_add_(1, start + first + 1, beside)
    return canvas.view(-1, height + 3, width + 3)[:, 1:-2, 1:-2].clamp(max=1)


def _patches(ribbons: Ribbons) -> tuple[Tensor, Tensor, Tensor]:
    """Centres x and y of small patches, and their areas: [B, P] each, pixels."""
    middle, half, present, strips = ribbons
    ahead = torch.cat([middle[:, :, 1:2] - middle[:, :, :1], middle.diff(dim=2)], 2)
    length = ahead.norm(dim=-1).clamp(min=1e-6)
    reach = (half / length)[..., None]
    across = (torch.arange(strips, device=half.device) * 2 + 1.0) / strips - 1
    x = middle[..., :1] - ahead[..., 1:] * reach * across
    y = middle[..., 1:] + ahead[..., :1] * reach * across
    area = (length * half * (2 / strips) * present[..., None])[..., None].expand_as(x)
    return x.flatten(1), y.flatten(1), area.flatten(1)
