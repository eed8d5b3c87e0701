"""The contact sheet: images in rows, with names and a legend."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from math import ceil, sqrt

from PIL import Image, ImageDraw

from hdf.drawing.colours import true_colours
from hdf.drawing.panels import Shown, paint
from hdf.drawing.text import ALARM, FAINT, FONT, INK, LINE_HEIGHT, PAPER, shortened

MARGIN = 16
SWATCH = 12
BETWEEN = "   ·   "
HEADS = ("as stored", "augmented")
PANEL_SIDE = 240
"""The approximate longer side of a small image after enlargement, pixels."""

NARROWEST = 480
GAP = 14  # between images
SEAM = 2  # between an image and the same one augmented
SHAPE = 1.5  # width by height that the images together come near to
MOST_PIXELS = 40_000_000
"""The most pixels on a sheet; it then takes 120 MB of memory, and twice that while it is made."""


def draw_sheet(
    shown: Sequence[Shown], labels: Sequence[str], facts: Sequence[str], warning: str
) -> Image.Image:
    """All images on one sheet, RGB.

    Args:
        shown: at least one; all of one size.
        labels: the recipe's ``data.labels``.
        facts: short texts for the foot of the sheet; `warning` is its last line.
    """
    height, width = shown[0].stored.image.shape
    layout = Layout.of(len(shown), len(shown[0].panels), (height, width))
    colours = true_colours(len(labels))
    strips = [_legend(labels, colours, layout.width), _heads(layout)]
    strips += [_cells(shown, colours, layout), _foot(facts, warning, layout.width)]
    size = (layout.width + 2 * MARGIN, sum(strip.height for strip in strips) + 2 * MARGIN)
    sheet = Image.new("RGB", size, PAPER)
    top = MARGIN
    for strip in strips:
        sheet.paste(strip, (MARGIN, top))
        top += strip.height
    return sheet


def _legend(labels: Sequence[str], colours: Sequence[str], width: int) -> Image.Image:
    names = [label.replace("_", " ") for label in labels]
    widths = [SWATCH + 6 + FONT.getlength(name) + 20 for name in names]
    lines = filled_lines(widths, width)
    strip = Image.new("RGB", (width, len(lines) * LINE_HEIGHT + 4), PAPER)
    pen = ImageDraw.Draw(strip)
    for row, line in enumerate(lines):
        left, top = 0.0, row * LINE_HEIGHT + 2
        for number in line:
            box = (left, top, left + SWATCH, top + SWATCH)
            pen.rectangle(box, outline=colours[number], width=3)
            pen.text((left + SWATCH + 6, top - 2), names[number], INK, FONT)
            left += widths[number]
    return strip


def _heads(layout: Layout) -> Image.Image:
    """Headings of the panels of a cell; empty if there is only one."""
    several = layout.across > 1
    strip = Image.new("RGB", (layout.width, LINE_HEIGHT if several else 0), PAPER)
    pen = ImageDraw.Draw(strip)
    for column, number in product(range(layout.columns), range(layout.across) if several else ()):
        draw = f", draw {number}" if number and layout.across > 2 else ""
        text = shortened(HEADS[min(number, 1)] + draw, layout.panel[0])
        pen.text((layout.corner(column, number)[0], 1), text, FAINT, FONT)
    return strip


def _cells(shown: Sequence[Shown], colours: Sequence[str], layout: Layout) -> Image.Image:
    strip = Image.new("RGB", (layout.width, layout.size[1] + 10), PAPER)
    pen = ImageDraw.Draw(strip)
    for number, item in enumerate(shown):
        for half, panel in enumerate(item.panels):
            strip.paste(paint(panel, colours, layout.zoom), layout.corner(number, half))
        left, top = layout.corner(number)
        right, line = left + layout.cell[0], top + layout.panel[1] + 3
        taken = FONT.getlength(item.note)
        pen.text((right - taken, line), item.note, ALARM, FONT)
        pen.text((left, line), shortened(item.id, layout.cell[0] - taken - 8), INK, FONT)
    return strip


def _foot(facts: Sequence[str], warning: str, width: int) -> Image.Image:
    lines = filled_lines([FONT.getlength(fact + BETWEEN) for fact in facts], width)
    texts = [BETWEEN.join(facts[number] for number in line) for line in lines]
    strip = Image.new("RGB", (width, (len(texts) + 1) * LINE_HEIGHT), PAPER)
    pen = ImageDraw.Draw(strip)
    for row, text in enumerate([*texts, warning]):
        pen.text((0, row * LINE_HEIGHT + 4), shortened(text, width), FAINT, FONT)
    return strip


@dataclass(frozen=True)
class Layout:
    """A grid of `count` cells, each with panels side by side above a line of text.

    Attributes:
        across: panels in a cell.
        zoom: the side of an image's pixel in pixels of the sheet.
        panel: (width, height) of an image on the sheet.
        columns: cells side by side.
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
    """The enlargement of images of (height, width): sheet pixels per image pixel."""
    return max(1, round(PANEL_SIDE / max(image_size)))


def most_cells(across: int, image_size: tuple[int, int]) -> int:
    """The most images of (height, width) on a sheet; at least one."""
    pixels = across * image_size[0] * image_size[1] * zoom_of(image_size) ** 2
    return max(1, MOST_PIXELS // pixels)


def filled_lines(widths: Iterable[float], most: float) -> list[list[int]]:
    """Pieces of these widths, distributed over lines no wider than `most` if possible."""
    lines: list[list[int]] = []
    used = most
    for number, width in enumerate(widths):
        if not lines or used + width > most:
            lines.append([])
            used = 0
        lines[-1].append(number)
        used += width
    return lines
