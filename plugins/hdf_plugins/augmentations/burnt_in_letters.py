"""Side letters and other writing in the image."""

from __future__ import annotations

import torch
from torch import Tensor

from hdf_plugins.augmentations.drawn import DrawnIntensity, between, cover, pixel_centers
from hdf_plugins.augmentations.ranges import check_number, check_probability, check_range

DRAWS = 8
"""Random numbers per word."""
DARK, PLATE, PRESENT = 0.15, 0.4, 0.6
"""Shares of words that are dark and that are on a plate; of words after the first that exist."""
REACH = 0.12
"""The largest distance of a word's centre from the border, as a fraction of the image's side."""

ROWS = 7

_DOTS = {
    "L": "10000 10000 10000 10000 10000 10000 11111",
    "R": "11110 10001 10001 11110 10100 10010 10001",
    "A": "01110 10001 10001 11111 10001 10001 10001",
    "P": "11110 10001 10001 11110 10000 10000 10000",
    "D": "11110 10001 10001 10001 10001 10001 11110",
    "S": "01111 10000 10000 01110 00001 00001 11110",
    "E": "11111 10000 10000 11110 10000 10000 11111",
    "T": "11111 00100 00100 00100 00100 00100 00100",
    "0": "01110 10001 10011 10101 11001 10001 01110",
    "1": "00100 01100 00100 00100 00100 00100 01110",
    "2": "01110 10001 00001 00010 00100 01000 11111",
    "3": "11111 00010 00100 00010 00001 10001 01110",
    "4": "00010 00110 01010 10010 11111 00010 00010",
    "5": "11111 10000 11110 00001 00001 10001 01110",
    "6": "00110 01000 10000 11110 10001 10001 01110",
    "7": "11111 00001 00010 00100 01000 01000 01000",
    "8": "01110 10001 10001 01110 10001 10001 01110",
    "9": "01110 10001 10001 01111 00001 00010 01100",
    "-": "00000 00000 00000 11111 00000 00000 00000",
    "█": "11111 11111 11111 11111 11111 11111 11111",
}

WORDS = (
    *("L", "R", "L", "R", "AP", "PA", "STAT", "L5", "R12", "SE", "R-34"),
    *("7", "08", "2619", "███"),
)
"""What is written: mostly side letters; a bar stands for an erased name."""


class BurntInLetters(DrawnIntensity):
    """Write letters and numbers near the borders, as side markers and exports do.

    They are white, seldom black; some are on a plate of the opposite colour, and some are a plain
    bar, as over an erased name. Side letters are independent of the side. Boxes and masks stay.

    Args:
        height: the smallest and the largest height of a letter, as a fraction of the image's
            height, 0.01 to 0.3; sensible within 0.03 to 0.1.
        most: the most words per image, 1 to 10.
        p: the share of images that is changed, 0 to 1.

    Raises:
        ValueError: an option is out of range.
    """

    bitmaps: Tensor
    widths: Tensor

    def __init__(
        self, *, height: tuple[float, float] = (0.04, 0.08), most: int = 3, p: float = 0.3
    ) -> None:
        check_range("height", height, 0.01, 0.3)
        check_number("most", most, 1, 10)
        check_probability(p)
        super().__init__(DRAWS * most, p)
        self.height, self.most = height, most
        bitmaps, widths = word_bitmaps(WORDS)
        self.register_buffer("bitmaps", bitmaps, persistent=False)
        self.register_buffer("widths", widths, persistent=False)

    def change(self, images: Tensor, draws: Tensor) -> Tensor:
        """Images [B, 1, H, W] with at least one word each."""
        for number, word in enumerate(draws.view(len(draws), self.most, DRAWS).unbind(1)):
            images = self._write(images, word, certain=number == 0)
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
        written = (1.8 * (rows @ dots @ columns.mT) - 0.3).clamp_(0, 1)  # crisp between pixels
        behind = _plate(down, ROWS / 2)[:, :, None] * _plate(across, half)[:, None]
        shown = torch.ones_like(there) if certain else (there < PRESENT).float()
        level = torch.where(look < DARK, 0.0, between(look, 0.75, 1.0))
        images = cover(
            images, behind * (shown * (plate < PLATE))[:, None, None], (level < 0.5).float()
        )
        return cover(images, written * shown[:, None, None], level)


def _plate(place: Tensor, half: Tensor | float) -> Tensor:
    """1 on a plate that is a dot larger than the word on each side; `place` in dots."""
    return (half + 1.5 - place.abs()).clamp_(0, 1)


def _middle(
    side: Tensor, along: Tensor, off: Tensor, height: int, width: int
) -> tuple[Tensor, Tensor]:
    """The centre of each word in pixels: near a border, anywhere along it."""
    near = between(off, 0.03, REACH)
    near = torch.where((side * 4) % 2 < 1, near, 1 - near)
    upright = side < 0.5
    x, y = torch.where(upright, near, along), torch.where(upright, along, near)
    return x * width, y * height


def _weights(place: Tensor, count: int) -> Tensor:
    """Bilinear weights [B, P, count] of dots for pixels at `place` [B, P], in dots."""
    dots = torch.arange(count, device=place.device, dtype=place.dtype) + 0.5
    return (1 - (place[..., None] - dots).abs()).clamp_(min=0)


def _dots(word: str) -> Tensor:
    """A word as float32 [ROWS, …], with a column between letters."""
    gap = torch.zeros(ROWS, 1)
    parts: list[Tensor] = []
    for letter in word:
        rows = [[float(dot) for dot in row] for row in _DOTS[letter].split()]
        parts += [torch.tensor(rows), gap]
    return torch.cat(parts[:-1], 1)


def word_bitmaps(words: tuple[str, ...]) -> tuple[Tensor, Tensor]:
    """A stack of words, each at the left of its bitmap.

    Returns:
        float32 [words, ROWS, C] of 0 and 1, and the width of each word in dots, float32 [words].
    """
    drawn = [_dots(word) for word in words]
    widths = torch.tensor([float(dots.shape[1]) for dots in drawn])
    stack = torch.zeros(len(words), ROWS, int(widths.max()))
    for row, dots in zip(stack, drawn, strict=True):
        row[:, : dots.shape[1]] = dots
    return stack, widths
