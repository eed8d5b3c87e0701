"""Predicted and true boxes on the radiographs, evenly spaced or the worst."""

from __future__ import annotations

from functools import partial
from math import isnan
from pathlib import Path

from hdf import View
from hdf_plugins.visualizers.drawing import checked_count, draw_grid, evenly, write_pages


class Overlay:
    """Validation radiographs with predicted (solid) and true (dashed) boxes.

    Args:
        count: how many images, evenly spaced in the validation set; 12 make a page.
    """

    when = "end"

    def __init__(self, *, count: int = 12) -> None:
        self.count = checked_count(count)

    def draw(self, view: View, folder: Path) -> list[Path]:
        """Write ``overlay.png``, or ``overlay_01.png`` and so on for several pages."""
        indices = evenly(view, self.count)
        return write_pages(view, indices, folder, "overlay", partial(draw_grid, view))


class Worst(Overlay):
    """The validation radiographs with the lowest IoU, the worst first.

    Args:
        count: how many images; 12 make a page.
    """

    def draw(self, view: View, folder: Path) -> list[Path]:
        """Write ``worst.png``, or ``worst_01.png`` and so on for several pages."""
        scores = {index: view.iou(index) for index in range(len(view.samples))}
        scored = [index for index, score in scores.items() if not isnan(score)]
        indices = sorted(scored, key=scores.__getitem__)[: self.count]
        shown = f"the worst {len(indices)}"
        return write_pages(view, indices, folder, "worst", partial(draw_grid, view), shown)
