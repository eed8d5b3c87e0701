"""Radiographs with true and predicted boxes, on matplotlib figures without global state."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from math import ceil, isnan, sqrt
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from torch import Tensor

from hdf import View
from hdf.drawing import DASH, WARNING, BoxColours, as_grey, box_colours
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
    """The option `name`, which must be at least 1, or a ValueError."""
    if count < 1:
        raise ValueError(f"{name} must be at least 1, not {count}")
    return count


def checked_label(label: str | None, labels: tuple[str, ...]) -> str:
    """The label to draw, the first one by default; a ValueError if it is not one of `labels`."""
    if label is not None and label not in labels:
        raise ValueError(f"label {label!r} is not in data.labels: {', '.join(labels)}")
    return label or labels[0]


def evenly(view: View, count: int) -> list[int]:
    """The indices of `count` evenly spaced samples, or of all if there are fewer."""
    total = len(view.samples)
    count = min(count, total)
    return [position * total // count for position in range(count)]


def write_pages(
    view: View,
    indices: Sequence[int],
    folder: Path,
    name: str,
    draw: Callable[[Sequence[int], str], Figure],
    shown: str = "",
) -> list[Path]:
    """Write pages of twelve samples, ``name.png`` or ``name_01.png``, ``name_02.png`` and so on.

    Args:
        draw: draws a page of indices below a title.
        shown: what the indices are, for the title; by default their number.
    """
    title = _title(view, shown or str(len(indices)))
    pages = [indices[start : start + PAGE] for start in range(0, len(indices), PAGE)]
    if len(pages) == 1:
        return [save(draw(pages[0], title), folder / f"{name}.png")]
    return [
        save(draw(page, f"{title} ({number}/{len(pages)})"), folder / f"{name}_{number:02}.png")
        for number, page in enumerate(pages, start=1)
    ]


def save(figure: Figure, path: Path) -> Path:
    """Write a PNG without metadata."""
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", dpi=DPI, metadata={"Software": None})
    return path


def _title(view: View, shown: str) -> str:
    """For example "Validation: mean IoU 0.853 (constant box 0.651), 12 of 60 images"."""
    mean, constant = (view.metrics.get(key) for key in ("iou_mean", "constant_box_iou"))
    score = f"mean IoU {mean:.3f}" if isinstance(mean, float) else ""
    if score and isinstance(constant, float):
        score += f" (constant box {constant:.3f})"
    return f"Validation: {score}{', ' if score else ''}{shown} of {len(view.samples)} images"


def _panel(axes: Axes, view: View, index: int, image: Tensor) -> None:
    draw_radiograph(axes, image)
    draw_boxes(axes, view, index)
    axes.set_title(panel_title(view, index), fontsize=9, parse_math=False)


def draw_grid(
    view: View,
    indices: Sequence[int],
    title: str,
    panel: DrawPanel = _panel,
    legend: Sequence[Artist] | None = None,
) -> Figure:
    """A page of radiographs, by default with the boxes of all labels, and their legend."""
    from matplotlib.figure import Figure

    columns = ceil(sqrt(len(indices)))
    rows = ceil(len(indices) / columns)
    images = [view.image(index)[0] for index in indices]
    side = 3.1 if columns > 2 else 4.2
    aspect = median(image.shape[0] / image.shape[1] for image in images)
    height = rows * (side * min(aspect, 2.0) + 0.25) + 0.35 + 0.2 * len(view.labels)
    figure = Figure(figsize=(max(columns * side, 5.5), height), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).flat
    for axes, index, image in zip(panels, indices, images, strict=False):
        panel(axes, view, index, image)
    for axes in figure.axes:
        axes.set_axis_off()
    finish(figure, title, boxes_legend(view.labels) if legend is None else legend)
    return figure


def finish(figure: Figure, title: str, legend: Sequence[Artist]) -> None:
    """Add the title, and the legend and the warning at the foot of a figure."""
    figure.suptitle(title, fontsize=11)
    style = {"fontsize": 9, "frameon": False, "borderaxespad": 1.4}
    columns = 3 if len(legend) == 3 else 2
    figure.legend(handles=list(legend), loc="outside lower center", ncols=columns, **style)
    figure.supxlabel(WARNING, fontsize=7, color="#666666")


def draw_radiograph(axes: Axes, image: Tensor) -> None:
    """Show an image [H, W] in [0, 1] with its pixel edges at integer coordinates."""
    height, width = image.shape
    grey, _ = as_grey(image[None], 1, LARGEST_SIDE)
    axes.imshow(grey, cmap="gray", vmin=0, vmax=255, extent=(0, width, height, 0))


def draw_boxes(axes: Axes, view: View, index: int, only: str | None = None) -> None:
    """Draw a sample's boxes, each above a dark line that shows dashes on bright images."""
    from matplotlib.patches import Rectangle

    for box, colour, style in boxes_of(view, index, only):
        x0, y0, x1, y1 = box.tolist()
        place, sides = (x0, y0), (x1 - x0, y1 - y0)
        axes.add_patch(Rectangle(place, *sides, fill=False, ec="black", lw=3.4, alpha=0.5))
        axes.add_patch(Rectangle(place, *sides, fill=False, ec=colour, ls=style, lw=2, zorder=2))


def boxes_of(
    view: View, index: int, only: str | None = None
) -> Iterator[tuple[Tensor, str, LineStyle]]:
    """The best detection and the true boxes of all labels or `only` one, with colour and style."""
    target, found = view.targets[index], view.detections[index]
    for position, (label, colours) in enumerate(_colours(view.labels).items()):
        if only not in (None, label):
            continue
        best = found.best(position)
        if best is not None:
            yield best, colours.predicted, PREDICTED
        for box, name in zip(target.boxes, target.labels, strict=True):
            if name == label:
                yield box, colours.true, TRUE


def boxes_legend(labels: tuple[str, ...], only: str | None = None) -> list[Artist]:
    """Legend entries for the colours and styles of the boxes."""
    from matplotlib.lines import Line2D

    shown = [(name, pair) for name, pair in _colours(labels).items() if only in (None, name)]
    lines = [(f"{name}, predicted", pair.predicted, PREDICTED) for name, pair in shown]
    lines += [(f"{name}, true", pair.true, TRUE) for name, pair in shown]
    return [
        Line2D([], [], c=colour, ls=style, lw=2.4, gapcolor="#777777", label=text.replace("_", " "))
        for text, colour, style in lines
    ]


def _colours(labels: tuple[str, ...]) -> dict[str, BoxColours]:
    return dict(zip(labels, box_colours(len(labels)), strict=True))


def panel_title(view: View, index: int) -> str:
    """A sample's name, and the IoU of its boxes."""
    id = view.samples[index].id
    if len(id) > 28:
        id = f"{id[:16]}\N{HORIZONTAL ELLIPSIS}{id[-11:]}"
    score = view.iou(index)
    return f"{id}   " + ("no true box" if isnan(score) else f"IoU {score:.2f}")
