"""Loss and IoU over the epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite, nan
from pathlib import Path
from typing import TYPE_CHECKING

from hdf import View
from hdf.drawing import COLOURS
from hdf_plugins.visualizers.drawing import save

if TYPE_CHECKING:
    from matplotlib.axes import Axes

VERMILION, SKY_BLUE = COLOURS[:2]
GREY = "#555555"
LOG_FROM = 20.0


class Curves:
    """Training and validation loss, and the validation IoU beside the constant box's."""

    when = "end"

    def draw(self, view: View, folder: Path) -> list[Path]:
        """Write ``curves.png``; nothing before the first epoch has ended."""
        from matplotlib.figure import Figure
        from matplotlib.ticker import MaxNLocator

        if not view.history:
            return []
        figure = Figure(figsize=(10, 4), layout="constrained")
        losses, agreement = figure.subplots(1, 2)
        _draw_losses(losses, view.history)
        _draw_agreement(agreement, view.history)
        for axes, title in ((losses, "Loss"), (agreement, "Mean IoU")):
            axes.set_title(title, fontsize=11)
            axes.set_xlabel("epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
            axes.grid(alpha=0.25)
            axes.spines[["top", "right"]].set_visible(False)
            if axes.get_legend_handles_labels()[0]:
                axes.legend(frameon=False, fontsize=9)
        return [save(figure, folder / "curves.png")]


def _draw_losses(axes: Axes, history: Sequence[Mapping[str, float]]) -> None:
    train = _plot(axes, history, "train_loss", VERMILION, "training")
    validation = _plot(axes, history, "val_loss", SKY_BLUE, "validation")
    values = [value for value in train + validation if isfinite(value)]
    if values and min(values) > 0 and max(values) > LOG_FROM * min(values):
        axes.set_yscale("log")


def _draw_agreement(axes: Axes, history: Sequence[Mapping[str, float]]) -> None:
    last, constant = (history[-1].get(key, nan) for key in ("iou_mean", "constant_box_iou"))
    _plot(axes, history, "iou_mean", VERMILION, f"validation, last {last:.3f}")
    if isfinite(constant):
        label = f"constant box, {constant:.3f}"
        axes.axhline(constant, color=GREY, ls="--", lw=1.4, label=label)
    axes.set_ylim(0, 1)


def _plot(
    axes: Axes, history: Sequence[Mapping[str, float]], key: str, colour: str, label: str
) -> list[float]:
    points = {line["epoch"]: line[key] for line in history if key in line}
    epochs, values = list(points), list(points.values())
    if any(map(isfinite, values)):
        marker = "o" if len(points) <= 40 else ""
        axes.plot(epochs, values, color=colour, lw=1.8, marker=marker, ms=3.5, label=label)
    return values
