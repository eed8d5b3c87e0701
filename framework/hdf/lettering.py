"""Texts on pictures."""

from __future__ import annotations

from pathlib import Path

import matplotlib
from PIL import ImageFont

# Pillow's own font lacks all letters beyond ASCII.
FONT = ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts/ttf/DejaVuSans.ttf"), 12)
LINE_HEIGHT = 20
PAPER, INK, FAINT, ALARM = "#FFFFFF", "#202020", "#666666", "#B03A00"
ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
WARNING = "Contains images of the data set; not for diagnosis."


def shortened(text: str, width: float) -> str:
    """One line that is no wider than `width` pixels; what is too long lacks its middle."""
    text = "".join(letter if letter.isprintable() else "?" for letter in text)
    if FONT.getlength(text) <= width:
        return text
    for kept in range(min(len(text) - 1, int(width)), 0, -1):
        result = text[: (kept + 1) // 2] + ELLIPSIS + text[len(text) - kept // 2 :]
        if FONT.getlength(result) <= width:
            return result
    return ELLIPSIS
