from pathlib import Path

from matplotlib.figure import Figure

import hdf


class OldVisualizerVisualizer:
    """How many validation images reach which IoU.

    Args:
        bins: bars between IoU 0 and 1.
    """

    when = "end"

    def __init__(self, *, bins: int = 20) -> None:
        self.bins = bins

    def draw(self, view: hdf.View, folder: Path) -> list[Path]:
        scores = [view.iou(index) for index in range(len(view.samples))]
        figure = Figure(layout="constrained")
        axes = figure.subplots()
        axes.hist(scores, bins=self.bins, range=(0, 1))
        axes.set(xlabel="IoU", ylabel="images")
        path = folder / "old_visualizer.png"
        figure.savefig(path)
        return [path]
