"""Pacemakers, wires, tubes and electrodes over the chest."""

from __future__ import annotations

from math import pi

import torch
from torch import Tensor

from hdf_plugins.augmentations.drawn import DrawnIntensity, between, cover
from hdf_plugins.augmentations.ranges import check_probability, check_range
from hdf_plugins.augmentations.ribbons import Ribbons, covered

WIRES, ELECTRODES, KNOTS = 3, 4, 4
DRAWS = (2, WIRES * (2 * KNOTS + 2), ELECTRODES * 4, 5)
"""Numbers for the look of all, the wires, the electrodes and the housing."""
WIRE, ELECTRODE, PACEMAKER = 0.6, 0.35, 0.35
"""How likely each of them is there; the first wire always is."""


class RandomDevices(DrawnIntensity):
    """Bright ribbons drawn over images.

    Args:
        opacity: the least and the most that is covered of what lies below.
        width: of a wire, the least and the most, as a fraction of the image's longer side.
        p: the probability an image.
    """

    def __init__(self, opacity: tuple[float, float], width: tuple[float, float], p: float) -> None:
        super().__init__(sum(DRAWS), p)
        self.opacity, self.width = opacity, width

    def change(self, images: Tensor, draws: Tensor) -> Tensor:
        """Images [B, 1, H, W] with devices."""
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
    radius = between(draws[..., 2], 0.01, 0.022) * side
    steps = 2 * _steps(2 + int(0.05 * side), draws) - 1
    place = _in_pixels(between(draws[..., :2], 0.05, 0.95), size)[..., None, :]
    along = radius[..., None] * steps
    middle = place + torch.stack([along, torch.zeros_like(along)], -1)
    half = radius[..., None] * (1 - steps**2).sqrt()
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
    """Places [..., 2] as fractions (x, y) of an image of (height, width)."""
    x, y = places.unbind(-1)
    return torch.stack([x * size[1], y * size[0]], -1)


def _steps(count: int, like: Tensor) -> Tensor:
    """The middles of `count` even steps from 0 to 1."""
    return (torch.arange(count, device=like.device) + 0.5) / count


def devices(
    *,
    opacity: tuple[float, float] = (0.4, 1.0),
    width: tuple[float, float] = (0.005, 0.02),
    p: float = 0.3,
) -> RandomDevices:
    """Draw wires, tubes, electrodes and pacemakers over the image, bright and partly transparent.

    An image gets one to three smooth curves, up to four discs, and sometimes a housing in one of
    the upper corners, at random places: they teach that a bright thing is no organ's border, and
    imitate no particular device. Boxes and masks stay.

    Args:
        opacity: the least and the most that is covered of what lies below, 0 to 1.
        width: of a wire or tube, the least and the most, as a fraction of the image's longer side,
            0.001 to 0.1; nothing is drawn thinner than about a pixel.
        p: the share of images that is changed, 0 to 1.

    Raises:
        ValueError: an option is out of range.
    """
    check_range("opacity", opacity, 0, 1)
    check_range("width", width, 0.001, 0.1)
    check_probability(p)
    return RandomDevices(opacity, width, p)
