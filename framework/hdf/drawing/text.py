"""Text on pictures."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

from PIL import ImageFont

# Pillow's own font has ASCII letters only; matplotlib itself is slow to import.
_SPEC = find_spec("matplotlib")
_FOLDER = Path(_SPEC.origin).parent if _SPEC and _SPEC.origin else Path()
_FILE = _FOLDER / "mpl-data/fonts/ttf/DejaVuSans.ttf"
FONT = ImageFont.truetype(_FILE, 12)
LINE_HEIGHT = 20
PAPER, INK, FAINT, ALARM = "#FFFFFF", "#202020", "#666666", "#B03A00"
ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
WARNING = "Contains images of the data set; not for diagnosis."


@cache
def font_for(side: int) -> ImageFont.FreeTypeFont:
    """The font whose letters keep their share of a picture with a longer side of `side` pixels.

    A 2,000 px film has 36 px letters. None are smaller than 12 px, the smallest that can be read.
    """
    return ImageFont.truetype(_FILE, max(12, round(side * 0.018)))


def shortened(text: str, width: float, font: ImageFont.FreeTypeFont = FONT) -> str:
    """One line of at most `width` pixels; an ellipsis replaces the middle of a longer text."""
    text = "".join(letter if letter.isprintable() else "?" for letter in text)
    if font.getlength(text) <= width:
        return text
    for kept in range(min(len(text) - 1, int(width)), 0, -1):
        result = text[: (kept + 1) // 2] + ELLIPSIS + text[len(text) - kept // 2 :]
        if font.getlength(result) <= width:
            return result
    return ELLIPSIS
