"""Shapes, text and colours on pictures, contact sheets, and PNG files that say who made them.

What is exported here is for plugins as well, and is imported when it is first used. A drawing of a
particular page or command belongs to that page.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hdf.drawing.colours import COLOURS, DASH, BoxColours, box_colours, true_colours
    from hdf.drawing.panels import Panel, Shown, panel_of
    from hdf.drawing.shapes import as_grey
    from hdf.drawing.sheet import draw_sheet, most_cells
    from hdf.drawing.text import WARNING

_HOMES = {
    "colours": ("COLOURS", "DASH", "BoxColours", "box_colours", "true_colours"),
    "panels": ("Panel", "Shown", "panel_of"),
    "sheet": ("draw_sheet", "most_cells"),
    "shapes": ("as_grey",),
    "text": ("WARNING",),
}

__all__ = [
    "COLOURS",
    "DASH",
    "WARNING",
    "BoxColours",
    "Panel",
    "Shown",
    "as_grey",
    "box_colours",
    "draw_sheet",
    "most_cells",
    "panel_of",
    "true_colours",
]


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"hdf.drawing.{module}"), name)
    raise AttributeError(f"module 'hdf.drawing' has no attribute {name!r}")
