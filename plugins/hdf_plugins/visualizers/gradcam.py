"""Heat maps of where the edges of a box are decided."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional as F

from hdf import Detector, View
from hdf.errors import user_error
from hdf_plugins.visualizers.drawing import (
    boxes_legend,
    checked_count,
    checked_label,
    draw_boxes,
    draw_radiograph,
    evenly,
    finish,
    panel_title,
    write_pages,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EDGES = ("left", "upper", "right", "lower")
SIDE = 2.6


class GradCam:
    """Heat maps of the locations whose features move an edge of the box the most.

    It needs an extra: ``pip install 'heart-detection-framework[explain]'`` (Captum).

    For every edge, the gradient of its position is multiplied with the features that the head
    reads, location by location, and summed over channels. The absolute values of all feature maps
    are added up. This is Grad-CAM without averaging the gradients over the image (HiResCAM, Draelos
    and Carin, 2020): the gradients of an edge that is the mean of a distribution average to almost
    nothing. The first picture of a row adds up the four edges. Each picture has its own scale, so
    colours can't be compared between pictures; an edge that was clipped to the border of the image
    has no gradient.

    The maps show which locations of the feature maps determine the answer; each location sees a
    larger part of the image. They do not explain the answer, nor do they show that it is right:
    wrong boxes have maps too. Nor do they predict the answer for an altered image.

    Args:
        labels: the labels that the recipe detects.
        count: how many images, evenly spaced in the validation set; 12 make a page.
        label: the label whose box is explained; by default the first of ``data.labels``.

    Raises:
        hdf.UserError: Captum is not installed.
    """

    when = "end"

    def __init__(
        self, labels: tuple[str, ...], *, count: int = 4, label: str | None = None
    ) -> None:
        self.count, self.label = checked_count(count), checked_label(label, labels)
        _input_x_gradient()

    def draw(self, view: View, folder: Path) -> list[Path]:
        """Write ``gradcam.png``, or ``gradcam_01.png`` and so on for several pages.

        Raises:
            UserError: the head's boxes have no gradient.
        """
        draw = partial(_page, view, self.label)
        return write_pages(view, evenly(view, self.count), folder, "gradcam", draw)


def edge_maps(detector: Detector, image: Tensor, label: int) -> Tensor | None:
    """How much the features at each location move each edge of a label's best box.

    Args:
        detector: in evaluation mode.
        image: float32 [1, 1, H, W] in [0, 1], on the detector's device.
        label: index of the label.

    Returns:
        float32 [4, H, W] on the CPU, at least 0, for x0, y0, x1, y1; None where nothing is found.

    Raises:
        UserError: the head's boxes have no gradient.
    """

    def best(maps: list[Tensor]) -> Tensor | None:
        return detector.decode(detector.run_head(maps))[0].best(label)

    def edges(*maps: Tensor) -> Tensor:
        box = best(list(maps))
        assert box is not None
        if not box.requires_grad:
            name = detector.spec.head["use"]
            raise user_error(f"head {name!r} has no heat maps: its boxes have no gradient")
        # Maps that the head ignores need a gradient as well: zero.
        return (box + 0 * torch.stack([item.sum() for item in maps]).sum())[None]

    with torch.no_grad():
        features = detector.features(image)
        if best(features) is None:
            return None
    inputs = tuple(item.float().requires_grad_() for item in features)
    explain = _input_x_gradient()(edges)
    height, width = image.shape[-2:]
    total = torch.zeros(4, height, width)
    for edge, heat in enumerate(total):
        for item in explain.attribute(inputs, target=edge):
            coarse = item.detach().sum(1, keepdim=True).abs()
            share = coarse[0, 0].numel() / (height * width)  # a location's is spread over pixels
            heat += share * F.interpolate(coarse, (height, width), mode="bilinear")[0, 0].cpu()
    return total


def _input_x_gradient() -> Any:
    try:
        from captum.attr import InputXGradient
    except ImportError as error:
        message = "Captum is not installed: pip install 'heart-detection-framework[explain]'"
        raise user_error(message) from error
    return InputXGradient


def _page(view: View, label: str, indices: Sequence[int], title: str) -> Figure:
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    figure = Figure(figsize=(5 * SIDE, len(indices) * (SIDE + 0.25) + 1), layout="constrained")
    panels = figure.subplots(len(indices), 1 + len(EDGES), squeeze=False)
    for row, index in zip(panels, indices, strict=True):
        image, batch = view.image(index)[0], view.network.batch([index])
        maps = edge_maps(view.detector, batch.images, view.labels.index(label))
        headings = [panel_title(view, index), *(f"{edge} edge" for edge in EDGES)]
        for number, (axes, heading) in enumerate(zip(row, headings, strict=True)):
            draw_radiograph(axes, image)
            if maps is not None:
                _draw_heat(axes, view, index, maps.sum(0) if number == 0 else maps[number - 1])
            draw_boxes(axes, view, index, label)
            axes.set_title(heading, fontsize=9, parse_math=False)
            axes.set_axis_off()
    heat = Patch(fc="#F0F921", label="features here move the edge most")
    finish(figure, title, [*boxes_legend(view.labels, label), heat])
    return figure


def _draw_heat(axes: Any, view: View, index: int, heat: Tensor) -> None:
    height, width = heat.shape
    frame = heat.new_tensor([0.0, 0.0, width, height])
    x0, y0, x1, y1 = view.network.geometry(index).to_original(frame).tolist()
    limits = {"xlim": axes.get_xlim(), "ylim": axes.get_ylim()}
    scaled = (heat / heat.max().clamp(min=1e-12)).clamp(0, 1).numpy()
    place = (x0, x1, y1, y0)
    axes.imshow(scaled, cmap="plasma", vmin=0, vmax=1, alpha=0.75 * scaled, extent=place)
    axes.set(**limits)
