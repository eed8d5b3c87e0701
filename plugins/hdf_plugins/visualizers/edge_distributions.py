"""The head's distributions over the positions of a box's edges."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from hdf import Geometry, View
from hdf.drawing import box_colours
from hdf.errors import user_error
from hdf_plugins.visualizers.drawing import (
    boxes_legend,
    boxes_of,
    checked_count,
    checked_label,
    draw_boxes,
    draw_grid,
    draw_radiograph,
    evenly,
    panel_title,
    write_pages,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DEPTH = 0.22
"""Depth of the strip beside the image, as a share of the image's side."""


class EdgeDistributions:
    """Radiographs with the probability of each edge's position drawn along their sides.

    For heads that predict such distributions, ``edge_softargmax`` and ``mask`` with ``edges``: left
    and right edge above the image, upper and lower edge beside it. The edges of the predicted box
    (solid) and of the true one (dashed) continue through them. A narrow peak is a certain edge. Two
    peaks are two positions between which the head can't decide; the mean lies between them and may
    be neither. The head ``mask`` averages the mean with its outline, so its box can lie beside the
    peak.

    A distribution shows how certain the head is, not how accurate it is.

    Args:
        labels: the labels that the recipe detects.
        count: how many images, evenly spaced in the validation set; 12 make a page.
        label: the label whose edges are drawn; by default the first of ``data.labels``.
    """

    when = "end"

    def __init__(
        self, labels: tuple[str, ...], *, count: int = 6, label: str | None = None
    ) -> None:
        self.count, self.label = checked_count(count), checked_label(label, labels)

    def draw(self, view: View, folder: Path) -> list[Path]:
        """Write ``edge_distributions.png``, or ``edge_distributions_01.png`` and so on.

        Raises:
            UserError: the head predicts no such distributions.
        """
        from matplotlib.patches import Patch

        colour = box_colours(len(view.labels))[view.labels.index(self.label)].predicted
        patch = Patch(fc=colour, alpha=0.5, label="probability of an edge")
        legend = [*boxes_legend(view.labels, self.label), patch]
        panel = partial(_draw_panel, label=self.label, colour=colour)
        draw = partial(draw_grid, view, panel=panel, legend=legend)
        return write_pages(view, evenly(view, self.count), folder, "edge_distributions", draw)


def _shares(view: View, index: int, label: str) -> tuple[Tensor, Tensor]:
    """The distributions of one label's edges: [2, w] for x0 and x1, [2, h] for y0 and y1."""
    with torch.inference_mode():
        raw: Any = view.detector(view.network.batch([index]).images)
    if not (isinstance(raw, dict) and {"x", "y"} <= raw.keys()):
        name = view.detector.spec.head["use"]
        raise user_error(
            f"head {name!r} predicts no distributions of edges; use edge_softargmax, or mask with "
            "edges: true"
        )
    position = view.labels.index(label)
    x, y = (raw[axis][0, position].softmax(-1).cpu() for axis in "xy")
    return x, y


def _draw_panel(
    axes: Axes, view: View, index: int, image: Tensor, *, label: str, colour: str
) -> None:
    draw_radiograph(axes, image)
    draw_boxes(axes, view, index, label)
    height, width = image.shape
    above = axes.inset_axes((0, 1.01, 1, DEPTH * height / width if width > height else DEPTH))
    beside = axes.inset_axes((1.01, 0, DEPTH * height / width if height > width else DEPTH, 1))
    above.set(xlim=(0, width), title=panel_title(view, index))
    above.title.set(fontsize=9, parse_math=False)
    beside.set(ylim=(height, 0))
    across, down = _shares(view, index, label)
    columns, rows = _places(view.network.geometry(index), view.network.store.size, across, down)
    style: dict[str, Any] = {"fill": True, "color": colour, "alpha": 0.5}
    for edge in across:
        above.stairs(edge / edge.max(), columns, **style)
    for edge in down:
        beside.stairs(edge / edge.max(), rows, orientation="horizontal", **style)
    above.set_axis_off()
    beside.set_axis_off()
    for box, line, dashes in boxes_of(view, index, label):
        x0, y0, x1, y1 = box.tolist()
        for x in (x0, x1):
            above.axvline(x, color=line, ls=dashes, lw=1.4)
        for y in (y0, y1):
            beside.axhline(y, color=line, ls=dashes, lw=1.4)


def _places(
    geometry: Geometry, size: tuple[int, int], x: Tensor, y: Tensor
) -> tuple[Tensor, Tensor]:
    """The borders of the bins along both axes, in pixels of the original image."""
    columns = torch.linspace(0, size[1], x.shape[-1] + 1)
    rows = torch.linspace(0, size[0], y.shape[-1] + 1)
    along_x = geometry.to_original(torch.stack([columns, 0 * columns, columns, 0 * columns], -1))
    along_y = geometry.to_original(torch.stack([0 * rows, rows, 0 * rows, rows], -1))
    return along_x[:, 0], along_y[:, 1]
