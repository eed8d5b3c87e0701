"""The contact sheet: images in rows, what they are called, and what the colours mean."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image, ImageDraw

from hdf.drawing.colours import true_colours
from hdf.drawing.panels import Shown, paint
from hdf.drawing.sheet_layout import Layout, filled_lines
from hdf.drawing.text import ALARM, FAINT, FONT, INK, LINE_HEIGHT, PAPER, shortened

MARGIN = 16
SWATCH = 12
BETWEEN = "   ·   "
HEADS = ("as stored", "augmented")


def draw_sheet(
    shown: Sequence[Shown], labels: Sequence[str], facts: Sequence[str], warning: str
) -> Image.Image:
    """All images on one sheet, RGB.

    Args:
        shown: at least one; all of one size.
        labels: the recipe's ``data.labels``.
        facts: what the foot of the sheet says, piece by piece.
        warning: its last line.
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
    """What the panels of a cell are; empty where there is but one."""
    strip = Image.new("RGB", (layout.width, LINE_HEIGHT if layout.across > 1 else 0), PAPER)
    pen = ImageDraw.Draw(strip)
    for column in range(layout.columns if layout.across > 1 else 0):
        for number in range(layout.across):
            text = HEADS[min(number, 1)] + (
                f", draw {number}" if number and layout.across > 2 else ""
            )
            left, _ = layout.corner(column, number)
            pen.text((left, 1), shortened(text, layout.panel[0]), FAINT, FONT)
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
