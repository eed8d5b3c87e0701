"""Where everything on a contact sheet goes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, sqrt

from hdf.drawing.text import LINE_HEIGHT

PANEL_SIDE = 240
"""Pixels; about as long is the longer side of a small image once it is enlarged."""

NARROWEST = 480
GAP = 14  # between images
SEAM = 2  # between an image and the same one augmented
SHAPE = 1.5  # width by height that the images together come near to
MOST_PIXELS = 40_000_000
"""Of all images on a sheet; it then takes 120 MB of memory, twice while it is put together."""


@dataclass(frozen=True)
class Layout:
    """A grid of cells, each an image, or an image and the same one augmented, above a line of text.

    Attributes:
        count: how many cells.
        across: how many panels stand side by side in a cell.
        zoom: how many pixels of the sheet a pixel of an image is wide and high.
        panel: (width, height) of an image on the sheet.
        columns: how many cells stand side by side.
    """

    count: int
    across: int
    zoom: int
    panel: tuple[int, int]
    columns: int

    @classmethod
    def of(cls, count: int, across: int, image_size: tuple[int, int]) -> Layout:
        """The layout for images of (height, width)."""
        zoom = zoom_of(image_size)
        panel = (image_size[1] * zoom, image_size[0] * zoom)
        ideal = sqrt(count * SHAPE * panel[1] / (panel[0] * across))
        fitting = (NARROWEST + GAP) // (across * panel[0] + GAP)
        columns = min(count, max(1, round(ideal), fitting))
        columns = ceil(count / ceil(count / columns))  # no more than its rows need
        return cls(count, across, zoom, panel, columns)

    @property
    def cell(self) -> tuple[int, int]:
        """(width, height)."""
        return self.across * (self.panel[0] + SEAM) - SEAM, self.panel[1] + LINE_HEIGHT

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the grid."""
        rows = ceil(self.count / self.columns)
        return self.columns * (self.cell[0] + GAP) - GAP, rows * (self.cell[1] + GAP) - GAP

    @property
    def width(self) -> int:
        """Of the sheet within its margins."""
        return max(self.size[0], NARROWEST)

    def corner(self, number: int, panel: int = 0) -> tuple[int, int]:
        """The left upper (x, y) of a cell's panel, counted from the grid's own."""
        row, column = divmod(number, self.columns)
        shift = panel * (self.panel[0] + SEAM)
        return column * (self.cell[0] + GAP) + shift, row * (self.cell[1] + GAP)


def zoom_of(image_size: tuple[int, int]) -> int:
    """How many pixels wide and high a pixel of an image of (height, width) is drawn."""
    return max(1, round(PANEL_SIDE / max(image_size)))


def most_cells(across: int, image_size: tuple[int, int]) -> int:
    """How many images of (height, width) a sheet has room for; at least one."""
    pixels = across * image_size[0] * image_size[1] * zoom_of(image_size) ** 2
    return max(1, MOST_PIXELS // pixels)


def filled_lines(widths: Iterable[float], most: float) -> list[list[int]]:
    """Pieces of these widths dealt into lines that are no wider than `most` where that can be."""
    lines: list[list[int]] = []
    used = most
    for number, width in enumerate(widths):
        if not lines or used + width > most:
            lines.append([])
            used = 0
        lines[-1].append(number)
        used += width
    return lines
