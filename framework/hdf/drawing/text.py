"""Text on pictures."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from PIL import ImageFont

# Pillow's own font has ASCII letters only; matplotlib itself is slow to import.
_SPEC = find_spec("matplotlib")
_FOLDER = Path(_SPEC.origin).parent if _SPEC and _SPEC.origin else Path()
FONT = ImageFont.truetype(_FOLDER / "mpl-data/fonts/ttf/DejaVuSans.ttf", 12)
LINE_HEIGHT = 20
PAPER, INK, FAINT, ALARM = "#FFFFFF", "#202020", "#666666", "#B03A00"
ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
WARNING = "Contains images of the data set; not for diagnosis."


def shortened(text: str, width: float) -> str:
    """One line of at most `width` pixels; an ellipsis replaces the middle of a longer text."""
    text = "".join(letter if letter.isprintable() else "?" for letter in text)
    if FONT.getlength(text) <= width:
        return text
    for kept in range(min(len(text) - 1, int(width)), 0, -1):
        result = text[: (kept + 1) // 2] + ELLIPSIS + text[len(text) - kept // 2 :]
        if FONT.getlength(result) <= width:
            return result
    return ELLIPSIS
