"""Radiographs with true and predicted boxes, on matplotlib figures without global state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import ceil, isnan, sqrt
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from hdf import View
from hdf.drawing import DASH, WARNING, box_colours
from hdf.files import replacing

if TYPE_CHECKING:  # matplotlib is slow to import: only functions that draw import it
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DrawPanel = Callable[["Axes", View, int, Tensor], None]
"""Draws the sample with an index, whose image is [H, W], and gives the axes a title."""

LineStyle = str | tuple[float, tuple[float, ...]]
PREDICTED: LineStyle = "-"
TRUE: LineStyle = (0, DASH)
PAGE = 12
LARGEST_SIDE = 1024
DPI = 150


def checked_count(count: int, name: str = "count") -> int:
    """`count`, the number of images to draw.

    Args:
        name: the option's.

    Raises:
        ValueError: it is below 1.
    """
    if count < 1:
        raise ValueError(f"{name} must be at least 1, not {count}")
    return count


def checked_label(label: str | None, labels: tuple[str, ...]) -> str:
    """The label to draw; the first one by default.

    Raises:
        ValueError: it is not one of `labels`.
    """
    if label is not None and label not in labels:
        raise ValueError(f"label {label!r} is not in data.labels: {', '.join(labels)}")
    return label or labels[0]


def evenly(total: int, count: int) -> list[int]:
    """The indices of `count` evenly spaced samples out of `total`, or of all if there are fewer."""
    count = min(count, total)
    return [position * total // count for position in range(count)]


def draw_panel(axes: Axes, view: View, index: int, image: Tensor) -> None:
    """A radiograph with the boxes of all labels."""
    draw_radiograph(axes, image)
    draw_boxes(axes, view, index)
    axes.set_title(panel_title(view, index), fontsize=9, parse_math=False)


def draw_pages(
    view: View,
    indices: Sequence[int],
    title: str,
    folder: Path,
    name: str,
    panel: DrawPanel = draw_panel,
    legend: Sequence[Artist] | None = None,
) -> list[Path]:
    """Write samples of a view, each in a panel, as pages of twelve (`write_pages`).

    Args:
        view: the samples, their boxes and metrics.
        indices: the samples to draw, in this order.
        title: the line above each page.
        folder: the folder to write to.
        name: the stem of the files.
        panel: draws one sample.
        legend: the legend below each page; by default the boxes of all labels.
    """
    below = boxes_legend(view.labels) if legend is None else legend

    def draw(page: Sequence[int], heading: str) -> Figure:
        return _page(view, page, heading, panel, below)

    return write_pages(indices, title, folder, name, draw)


def write_pages(
    indices: Sequence[int],
    title: str,
    folder: Path,
    name: str,
    draw: Callable[[Sequence[int], str], Figure],
) -> list[Path]:
    """Write pages of twelve samples, ``name.png`` or ``name_01.png``, ``name_02.png`` and so on.

    Args:
        draw: draws a page of indices below a title.
    """
    pages = [indices[start : start + PAGE] for start in range(0, len(indices), PAGE)]
    written = []
    for number, page in enumerate(pages, start=1):
        suffix = f"_{number:02}" if len(pages) > 1 else ""
        figure = draw(page, f"{title} ({number}/{len(pages)})" if suffix else title)
        written.append(save(figure, folder / f"{name}{suffix}.png"))
    return written


def save(figure: Figure, path: Path) -> Path:
    """Write a PNG without metadata."""
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=DPI, metadata={"Software": None})
    return path


def validation_title(view: View, shown: str) -> str:
    """For example "Validation: mean IoU 0.853 (constant box 0.651), 12 of 60 images"."""
    mean, constant = (view.metrics.get(key) for key in ("iou_mean", "constant_box_iou"))
    parts = ["Validation: "]
    if isinstance(mean, float):
        parts.append(f"mean IoU {mean:.3f}")
        parts.append(f" (constant box {constant:.3f}), " if isinstance(constant, float) else ", ")
    return "".join(parts) + f"{shown} of {len(view.samples)} images"


def _page(
    view: View, indices: Sequence[int], title: str, panel: DrawPanel, legend: Sequence[Artist]
) -> Figure:
    from matplotlib.figure import Figure

    columns = ceil(sqrt(len(indices)))
    rows = ceil(len(indices) / columns)
    images = [view.image(index)[0] for index in indices]
    side = 3.1 if columns > 2 else 4.2
    aspect = median(image.shape[0] / image.shape[1] for image in images)
    height = rows * (side * min(aspect, 2.0) + 0.25) + 0.35 + 0.2 * len(view.labels)
    figure = Figure(figsize=(max(columns * side, 5.5), height), layout="constrained")
    figure.suptitle(title, fontsize=11)
    panels = figure.subplots(rows, columns, squeeze=False).flat
    for axes, index, image in zip(panels, indices, images, strict=False):
        panel(axes, view, index, image)
    for axes in figure.axes:
        axes.set_axis_off()
    finish(figure, legend)
    return figure


def finish(figure: Figure, legend: Sequence[Artist]) -> None:
    """Add the legend and the warning at the foot of a figure."""
    figure.legend(
        handles=list(legend),
        loc="outside lower center",
        ncols=3 if len(legend) == 3 else 2,
        fontsize=9,
        frameon=False,
        borderaxespad=1.4,
    )
    figure.supxlabel(WARNING, fontsize=7, color="#666666")


def draw_radiograph(axes: Axes, image: Tensor) -> None:
    """Show an image [H, W] in [0, 1] with its pixel edges at integer coordinates.

    Black and white are its 0.5th and 99.5th percentiles, so that details of dark images are
    visible.
    """
    height, width = image.shape
    shrink = min(1.0, LARGEST_SIDE / max(height, width))
    small = (max(1, round(height * shrink)), max(1, round(width * shrink)))
    shown = adaptive_avg_pool2d(image[None], small)[0]
    black, white = shown.quantile(shown.new_tensor([0.005, 0.995])).tolist()
    extent = (0, width, height, 0)
    axes.imshow(shown.numpy(), cmap="gray", vmin=black, vmax=white, extent=extent)


def draw_boxes(axes: Axes, view: View, index: int, only: str | None = None) -> None:
    """Draw the true boxes of a sample, dashed, and the best detection of each label, solid.

    Args:
        only: the label to draw; all by default.
    """
    target, found = view.targets[index], view.detections[index]
    for position, label in enumerate(view.labels):
        if only not in (None, label):
            continue
        predicted, true = box_colours(len(view.labels))[position]
        best = found.best(position)
        if best is not None:
            _draw_box(axes, best, predicted, PREDICTED)
        for box, name in zip(target.boxes, target.labels, strict=True):
            if name == label:
                _draw_box(axes, box, true, TRUE)


def _draw_box(axes: Axes, box: Tensor, colour: str, style: LineStyle) -> None:
    """A box above an unbroken dark line, which shows dashes on bright and on dark images."""
    from matplotlib.patches import Rectangle

    x0, y0, x1, y1 = box.tolist()
    place, sides = (x0, y0), (x1 - x0, y1 - y0)
    axes.add_patch(Rectangle(place, *sides, fill=False, ec="black", lw=3.4, alpha=0.5, zorder=1))
    axes.add_patch(Rectangle(place, *sides, fill=False, ec=colour, ls=style, lw=2, zorder=2))


def boxes_legend(labels: tuple[str, ...], only: str | None = None) -> list[Artist]:
    """Legend entries for the colours and styles of the boxes."""
    colours = [
        (label, pair)
        for label, pair in zip(labels, box_colours(len(labels)), strict=True)
        if only in (None, label)
    ]
    return [
        *(
            _legend_line(f"{label}, predicted", pair.predicted, PREDICTED)
            for label, pair in colours
        ),
        *(_legend_line(f"{label}, true", pair.true, TRUE) for label, pair in colours),
    ]


def _legend_line(text: str, colour: str, style: LineStyle) -> Artist:
    from matplotlib.lines import Line2D

    gap = None if style == PREDICTED else "#777777"
    label = text.replace("_", " ")
    return Line2D([], [], color=colour, ls=style, lw=2.4, gapcolor=gap, label=label)


def panel_title(view: View, index: int) -> str:
    """A sample's name, and the IoU of its boxes."""
    id = view.samples[index].id
    if len(id) > 28:
        id = f"{id[:16]}\N{HORIZONTAL ELLIPSIS}{id[-11:]}"
    score = view.iou(index)
    return f"{id}   " + ("no true box" if isnan(score) else f"IoU {score:.2f}")
