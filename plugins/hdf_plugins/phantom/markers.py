"""What is in the picture besides the patient: side markers, collimation, devices on the chest."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

GLYPHS = {
    "L": "10000 10000 10000 10000 10000 10000 11111",
    "R": "11110 10001 10001 11110 10100 10010 10001",
}


def burn_marker(image: Tensor, random: np.random.Generator) -> None:
    """Write the side letter into `image` [H, W] in place, white, often on a black plate.

    "R" stands on the image's left, "L" on its right; one image in six has none.
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
    """A letter of `tall` pixels with a margin, float32 [rows, columns]."""
    dots = torch.tensor([[float(dot) for dot in row] for row in GLYPHS[side].split()])
    size = (tall, max(5, round(tall * 0.72)))
    drawn = functional.interpolate(dots[None, None], size=size, mode="bilinear")[0, 0]
    drawn = (2.5 * drawn - 0.6).clamp(0, 1)
    margin = max(1, tall // 5)
    return functional.pad(drawn, [margin] * 4)


def collimate(image: Tensor, random: np.random.Generator) -> None:
    """Blacken what the shutters cover in `image` [H, W], in place: seldom more than 5 % a side."""
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
