"""Letters and digits as they are burnt into radiographs, 5 x 7 dots each."""

from __future__ import annotations

import torch
from torch import Tensor

ROWS, COLUMNS = 7, 5

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
    "L",
    "R",
    "L",
    "R",
    "AP",
    "PA",
    "STAT",
    "L5",
    "R12",
    "SE",
    "R-34",
    "7",
    "08",
    "2619",
    "███",
)
"""What is written; letters of the side are the most frequent, and a bar stands for erased names."""


def _dots(word: str) -> Tensor:
    """float32 [ROWS, …], a column between letters."""
    gap = torch.zeros(ROWS, 1)
    parts: list[Tensor] = []
    for letter in word:
        rows = [[float(dot) for dot in row] for row in _DOTS[letter].split()]
        parts += [torch.tensor(rows), gap]
    return torch.cat(parts[:-1], 1)


def word_bitmaps(words: tuple[str, ...]) -> tuple[Tensor, Tensor]:
    """Words in one stack, each at the left of its bitmap.

    Returns:
        float32 [words, ROWS, C] of 0 and 1, and the width of each word in dots, float32 [words].
    """
    drawn = [_dots(word) for word in words]
    widths = torch.tensor([float(dots.shape[1]) for dots in drawn])
    stack = torch.zeros(len(words), ROWS, int(widths.max()))
    for row, dots in zip(stack, drawn, strict=True):
        row[:, : dots.shape[1]] = dots
    return stack, widths
