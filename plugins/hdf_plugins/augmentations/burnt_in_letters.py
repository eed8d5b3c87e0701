"""Side letters and other writing in the image."""

from __future__ import annotations

import torch
from torch import Tensor

from hdf_plugins.augmentations.drawn import DrawnIntensity, between, cover, pixel_centers
from hdf_plugins.augmentations.glyphs import ROWS, WORDS, word_bitmaps
from hdf_plugins.augmentations.ranges import check_number, check_probability, check_range

DRAWS = 8
"""Numbers for one piece of writing."""
DARK, PLATE, PRESENT = 0.15, 0.4, 0.6
"""Shares of writing that is dark, that stands on a plate, and that is there from the second on."""
REACH = 0.12
"""How far from the border the middle of a piece may lie, as a fraction of the image's side."""


class RandomLetters(DrawnIntensity):
    """Up to `most` words near the borders.

    Args:
        height: of a letter, the least and the most, as a fraction of the image's height.
        most: pieces of writing an image.
        p: the probability an image.
    """

    bitmaps: Tensor
    widths: Tensor

    def __init__(self, height: tuple[float, float], most: int, p: float) -> None:
        super().__init__(DRAWS * most, p)
        self.height, self.most = height, most
        bitmaps, widths = word_bitmaps(WORDS)
        self.register_buffer("bitmaps", bitmaps, persistent=False)
        self.register_buffer("widths", widths, persistent=False)

    def change(self, images: Tensor, draws: Tensor) -> Tensor:
        """Images [B, 1, H, W] with writing; each has one piece at least."""
        for number, piece in enumerate(draws.view(len(draws), self.most, DRAWS).unbind(1)):
            images = self._write(images, piece, certain=number == 0)
        return images

    def _write(self, images: Tensor, draws: Tensor, certain: bool) -> Tensor:
        word, tall, side, along, off, look, plate, there = draws.unbind(1)
        height, width = images.shape[-2:]
        index = (word * len(WORDS)).long().clamp(max=len(WORDS) - 1)
        dots, half = self.bitmaps.to(images)[index], self.widths.to(images)[index, None] / 2
        dot = (between(tall, *self.height) * height / ROWS)[:, None]  # pixels
        x, y = _middle(side, along, off, height, width)
        across = (pixel_centers(width, images) - x[:, None]) / dot
        down = (pixel_centers(height, images) - y[:, None]) / dot
        columns, rows = _weights(across + half, dots.shape[2]), _weights(down + ROWS / 2, ROWS)
        written = (1.8 * (rows @ dots @ columns.mT) - 0.3).clamp_(0, 1)  # crisp between pixels, too
        behind = _plate(down, ROWS / 2)[:, :, None] * _plate(across, half)[:, None]
        shown = torch.ones_like(there) if certain else (there < PRESENT).float()
        level = torch.where(look < DARK, 0.0, between(look, 0.75, 1.0))
        images = cover(
            images, behind * (shown * (plate < PLATE))[:, None, None], (level < 0.5).float()
        )
        return cover(images, written * shown[:, None, None], level)


def _plate(place: Tensor, half: Tensor | float) -> Tensor:
    """1 on a plate that is a dot wider than the word on each side; `place` in dots."""
    return (half + 1.5 - place.abs()).clamp_(0, 1)


def _middle(
    side: Tensor, along: Tensor, off: Tensor, height: int, width: int
) -> tuple[Tensor, Tensor]:
    """The middle of each piece in pixels: near a border, anywhere along it."""
    near = between(off, 0.03, REACH)
    near = torch.where((side * 4) % 2 < 1, near, 1 - near)
    upright = side < 0.5
    x, y = torch.where(upright, near, along), torch.where(upright, along, near)
    return x * width, y * height


def _weights(place: Tensor, count: int) -> Tensor:
    """Bilinear weights [B, P, count] of dots for pixels at `place` [B, P], in dots."""
    dots = torch.arange(count, device=place.device, dtype=place.dtype) + 0.5
    return (1 - (place[..., None] - dots).abs()).clamp_(min=0)


def burnt_in_letters(
    *, height: tuple[float, float] = (0.04, 0.08), most: int = 3, p: float = 0.3
) -> RandomLetters:
    """Write letters and numbers near the borders, as side markers and exports do.

    White, seldom black; some on a plate of the other colour; some a plain bar, as where a name was
    erased. A side letter says nothing of the side here. Boxes and masks stay.

    Args:
        height: of a letter, the least and the most, as a fraction of the image's height, 0.01 to
            0.3; sensible within 0.03 to 0.1.
        most: pieces of writing an image, 1 to 10.
        p: the share of images that is changed, 0 to 1.

    Raises:
        ValueError: an option is out of range.
    """
    check_range("height", height, 0.01, 0.3)
    check_number("most", most, 1, 10)
    check_probability(p)
    return RandomLetters(height, most, p)
