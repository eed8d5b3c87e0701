"""The predictions with the lowest IoU."""

from __future__ import annotations

from math import isnan
from pathlib import Path

from hdf import View
from hdf_plugins.visualizers.drawing import checked_count, draw_pages, validation_title


class Worst:
    """The validation radiographs with the lowest IoU, the worst first.

    Args:
        count: how many images; 12 make a page.

    Raises:
        ValueError: count is below 1.
    """

    when = "end"

    def __init__(self, *, count: int = 12) -> None:
        self.count = checked_count(count)

    def draw(self, view: View, folder: Path) -> list[Path]:
        """Write ``worst.png``, or ``worst_01.png`` and so on for several pages."""
        scores = {index: view.iou(index) for index in range(len(view.samples))}
        scored = [index for index, score in scores.items() if not isnan(score)]
        indices = sorted(scored, key=scores.__getitem__)[: self.count]
        title = validation_title(view, f"the worst {len(indices)}")
        return draw_pages(view, indices, title, folder, "worst")
