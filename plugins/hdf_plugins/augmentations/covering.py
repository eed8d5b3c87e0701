"""Augmentations that hide parts of the image: a rectangle, the collimator's shutters, letters."""

from __future__ import annotations

from math import radians

import torch
from kornia.augmentation import RandomErasing
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from hdf_plugins.augmentations.base import (
    DrawnIntensity,
    between,
    check_number,
    check_range,
    cover,
    pixel_centers,
)


def erasing(
    *,
    scale: tuple[float, float] = (0.02, 0.1),
    ratio: tuple[float, float] = (0.3, 3.3),
    value: float = 0.0,
    p: float = 0.5,
) -> RandomErasing:
    """Paint a rectangle over the image, where a device or a label might hide part of a heart.

    Boxes and masks stay: the detector has to infer what it can't see
    (Zhong et al., Random Erasing Data Augmentation, AAAI 2020).

    Args:
        scale: the rectangle's area as a fraction of the image's, above 0 and up to 1; sensible up
            to 0.1, so that a heart (about a seventh of the image) is never hidden completely.
        ratio: its height over its width.
        value: its grey value, 0 (black) to 1 (white).
        p: the share of images that is changed, 0 to 1.
    """
    check_range("scale", scale, 0.0001, 1)
    check_range("ratio", ratio, 0.01, 100)
    check_number("value", value, 0, 1)
    check_number("p", p, 0, 1)
    return RandomErasing(scale, ratio, value, p=p)


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
    """

    def __init__(self, *, largest: float = 0.1, degrees: float = 2.0, p: float = 0.3) -> None:
        check_number("largest", largest, 0, 0.4)
        check_number("degrees", degrees, 0, 45)
        super().__init__(7, p)
        self.largest, self.degrees = largest, degrees

    def change(self, images: Tensor, draws: Tensor) -> Tensor:
        height, width = images.shape[-2:]
        size = images.new_tensor([width, width, height, height])
        border = self.largest * size * between(draws[:, :4], -1, 1).clamp(min=0)
        turn = between(draws[:, 4], -1, 1) * radians(self.degrees)
        kind, grey = draws[:, 5], draws[:, 6]
        level = torch.where(kind < BLACK, 0.0, torch.where(kind < BLACK + WHITE, 1.0, grey))
        return cover(images, _outside(border, turn, height, width), level)


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


ROWS = 7
"""Dots of a letter from top to bottom."""
DRAWS = 8
"""Random numbers per word."""
DARK, PLATE, PRESENT = 0.15, 0.4, 0.6
"""Shares of words that are dark and that are on a plate; of words after the first that exist."""
REACH = 0.12
"""The largest distance of a word's centre from the border, as a fraction of the image's side."""

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
    """

    bitmaps: Tensor
    widths: Tensor

    def __init__(
        self, *, height: tuple[float, float] = (0.04, 0.08), most: int = 3, p: float = 0.3
    ) -> None:
        check_range("height", height, 0.01, 0.3)
        check_number("most", most, 1, 10)
        super().__init__(DRAWS * most, p)
        self.height, self.most = height, most
        bitmaps, widths = word_bitmaps(WORDS)
        self.register_buffer("bitmaps", bitmaps, persistent=False)
        self.register_buffer("widths", widths, persistent=False)

    def change(self, images: Tensor, draws: Tensor) -> Tensor:
        for number, word in enumerate(draws.view(len(draws), self.most, DRAWS).unbind(1)):
            images = self._write(images, word, certain=number == 0)
        return images

    def _write(self, images: Tensor, draws: Tensor, certain: bool) -> Tensor:
        word, tall, side, along, off, look, plate, there = draws.unbind(1)
        height, width = images.shape[-2:]
        index = (word * len(WORDS)).long().clamp(max=len(WORDS) - 1)
        dots, half = self.bitmaps.to(images)[index], self.widths.to(images)[index, None] / 2
        dot = (between(tall, *self.height) * height / ROWS)[:, None]  # pixels
        x, y = _middle(side, along, off)
        across = (pixel_centers(width, images) - x[:, None] * width) / dot
        down = (pixel_centers(height, images) - y[:, None] * height) / dot
        columns, rows = _weights(across + half, dots.shape[2]), _weights(down + ROWS / 2, ROWS)
        written = (1.8 * (rows @ dots @ columns.mT) - 0.3).clamp_(0, 1)  # crisp between pixels
        behind = _plate(down, ROWS / 2)[:, :, None] * _plate(across, half)[:, None]
        shown = torch.ones_like(there) if certain else (there < PRESENT).float()
        level = torch.where(look < DARK, 0.0, between(look, 0.75, 1.0))
        plated = behind * (shown * (plate < PLATE))[:, None, None]
        images = cover(images, plated, (level < 0.5).float())
        return cover(images, written * shown[:, None, None], level)


def _plate(place: Tensor, half: Tensor | float) -> Tensor:
    """1 on a plate that is a dot larger than the word on each side; `place` in dots."""
    return (half + 1.5 - place.abs()).clamp_(0, 1)


def _middle(side: Tensor, along: Tensor, off: Tensor) -> tuple[Tensor, Tensor]:
    """The centre of each word as fractions of the image: near a border, anywhere along it."""
    near = between(off, 0.03, REACH)
    near = torch.where((side * 4) % 2 < 1, near, 1 - near)
    upright = side < 0.5
    return torch.where(upright, near, along), torch.where(upright, along, near)


def _weights(place: Tensor, count: int) -> Tensor:
    """Bilinear weights [B, P, count] of dots for pixels at `place` [B, P], in dots."""
    dots = torch.arange(count, device=place.device, dtype=place.dtype) + 0.5
    return (1 - (place[..., None] - dots).abs()).clamp_(min=0)


def _dots(word: str) -> Tensor:
    """A word as float32 [ROWS, …], with a column between letters."""
    lines = zip(*(_DOTS[letter].split() for letter in word), strict=True)
    return torch.tensor([[float(dot) for dot in "0".join(line)] for line in lines])


def word_bitmaps(words: tuple[str, ...]) -> tuple[Tensor, Tensor]:
    """Bitmaps of 0 and 1 with a word at the left of each, and the words' widths in dots.

    They are float32 [words, ROWS, C] and [words].
    """
    drawn = [_dots(word) for word in words]
    widths = torch.tensor([float(dots.shape[1]) for dots in drawn])
    return pad_sequence([dots.T for dots in drawn], batch_first=True).mT.contiguous(), widths
