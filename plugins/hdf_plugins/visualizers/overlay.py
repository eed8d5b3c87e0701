"""Predicted and true boxes on the radiographs."""

from __future__ import annotations

from pathlib import Path

from hdf import View
from hdf_plugins.visualizers.drawing import checked_count, draw_pages, evenly, validation_title


class Overlay:
    """Validation radiographs with predicted (solid) and true (dashed) boxes.

    Args:
        count: how many images, evenly spaced in the validation set; 12 make a page.

    Raises:
        ValueError: count is below 1.
    """

    when = "end"

    def __init__(self, *, count: int = 12) -> None:
        self.count = checked_count(count)

    def draw(self, view: View, folder: Path) -> list[Path]:
        """Write ``overlay.png``, or ``overlay_01.png`` and so on for several pages."""
        indices = evenly(len(view.samples), self.count)
        title = validation_title(view, str(len(indices)))
        return draw_pages(view, indices, title, folder, "overlay")
