"""Borders where the collimator's shutters cover the film."""

from __future__ import annotations

from math import radians

import torch
from torch import Tensor

from hdf_plugins.augmentations.drawn import DrawnIntensity, between, cover, pixel_centers
from hdf_plugins.augmentations.ranges import check_number, check_probability

BLACK, WHITE = 0.6, 0.15
"""Shares of images with black and with white borders; all others have grey ones."""


class Collimation(DrawnIntensity):
    """Cover strips along the sides, like the collimator's shutters or the rim of a scanned film.

    Half of the sides of a changed image have no strip. Strips are black, sometimes white or grey.
    Boxes and masks stay: where a strip hides part of an organ, the detector has to infer it.

    Args:
        largest: the widest strip as a fraction of the image's side, 0 to 0.4; sensible up to 0.15.
        degrees: the largest rotation of all strips to either side, 0 to 45; sensible up to 3. A
            rotated strip of width 0 is visible in the corners.
        p: the share of images that is changed, 0 to 1.

    Raises:
        ValueError: an option is out of range.
    """

    def __init__(self, *, largest: float = 0.1, degrees: float = 2.0, p: float = 0.3) -> None:
        check_number("largest", largest, 0, 0.4)
        check_number("degrees", degrees, 0, 45)
        check_probability(p)
        super().__init__(7, p)
        self.largest, self.degrees = largest, degrees

    def change(self, images: Tensor, draws: Tensor) -> Tensor:
        """Images [B, 1, H, W] with borders."""
        height, width = images.shape[-2:]
        size = images.new_tensor([width, width, height, height])
        border = self.largest * size * between(draws[:, :4], -1, 1).clamp(min=0)
        turn = between(draws[:, 4], -1, 1) * radians(self.degrees)
        return cover(
            images, _outside(border, turn, height, width), _level(draws[:, 5], draws[:, 6])
        )


def _outside(border: Tensor, turn: Tensor, height: int, width: int) -> Tensor:
    """How much of each pixel the borders [B, 4] (left, right, top, bottom) cover: [B, H, W]."""
    x = pixel_centers(width, border) - width / 2
    y = (pixel_centers(height, border) - height / 2)[:, None]
    cosine, sine = turn.cos()[:, None, None], turn.sin()[:, None, None]
    across, down = cosine * x + sine * y, cosine * y - sine * x
    left, right, top, bottom = border[:, :, None, None].unbind(1)
    beside = torch.maximum(across + (right - width / 2), (left - width / 2) - across)
    beyond = torch.maximum(down + (bottom - height / 2), (top - height / 2) - down)
    return torch.maximum(beside, beyond).add_(0.5).clamp_(0, 1)


def _level(kind: Tensor, grey: Tensor) -> Tensor:
    level = torch.where(kind < BLACK + WHITE, 1.0, grey)
    return torch.where(kind < BLACK, 0.0, level)
