"""Which places of the radiograph hold the edges of a box."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor
from torch.nn import functional as F

from hdf import Detector, View
from hdf.errors import user_error
from hdf_plugins.visualizers.drawing import (
    PAGE,
    boxes_legend,
    checked_count,
    checked_label,
    draw_boxes,
    draw_radiograph,
    evenly,
    finish,
    panel_title,
    save,
    validation_title,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

EDGES = ("left", "upper", "right", "lower")
SIDE = 2.6


class GradCam:
    """Where the network looks: the places whose features move an edge of the box the most.

    It needs an extra: ``pip install 'heart-detection-framework[explain]'`` (Captum).

    For every edge, the gradient of its position is multiplied with the features that the head
    reads, place by place, and added up over channels; only the size counts, not the direction, and
    the backbone's maps are laid over one another. That is Grad-CAM without its averaging of
    gradients over the image (HiResCAM, Draelos and Carin, 2020): where an edge is read from a
    distribution, its gradients average to almost nothing. The first picture of a row adds up the
    four edges. Each picture is scaled by itself, so that colours of two can't be compared; an edge
    that was cut at the border of the image moves with nothing.

    It shows in which places of the maps the answer is held; each place sees a larger part of the
    image. It does not show why, nor that the answer is right: a wrong box has its picture, too. Nor
    does it measure what the answer would be if the image looked different there.

    Args:
        labels: what the recipe looks for.
        count: how many images, taken evenly from the whole validation set; 12 make a page.
        label: whose box is looked into; the first of ``data.labels`` if left out.

    Raises:
        ValueError: count is below 1, or no such label is in ``data.labels``.
        hdf.UserError: Captum is not installed.
    """

    when = "end"

    def __init__(
        self, labels: tuple[str, ...], *, count: int = 4, label: str | None = None
    ) -> None:
        self.count, self.label = checked_count(count), checked_label(label, labels)
        _input_x_gradient()

    def draw(self, view: View, folder: Path) -> list[Path]:
        """Write ``gradcam.png``, or ``gradcam_01.png`` and further where there are more pages.

        Raises:
            UserError: the head's boxes can't be followed back to its features.
        """
        indices = evenly(len(view.samples), self.count)
        pages = [indices[start : start + PAGE] for start in range(0, len(indices), PAGE)]
        title = validation_title(view, str(len(indices)))
        written = []
        for number, page in enumerate(pages, 1):
            name = "gradcam" + (f"_{number:02}" if len(pages) > 1 else "")
            figure = _page(view, page, title, self.label)
            written.append(save(figure, folder / f"{name}.png"))
        return written


def edge_maps(detector: Detector, image: Tensor, label: int) -> Tensor | None:
    """How much each place's features move each edge of a label's best box.

    Args:
        detector: in evaluation mode.
        image: float32 [1, 1, H, W] in [0, 1], on the detector's device.
        label: its index.

    Returns:
        float32 [4, H, W] on the CPU, at least 0, for x0, y0, x1, y1; None where nothing is found.

    Raises:
        UserError: the head's boxes carry no gradient.
    """
    with torch.no_grad():
        features = detector.features(image)

    def edges(*maps: Tensor) -> Tensor:
        box = detector.decode(detector.run_head(list(maps)))[0].best(label)
        assert box is not None
        if not box.requires_grad:
            name = detector.spec.head["use"]
            raise user_error(f"the boxes of the head {name} can't be followed to its features")
        # Maps that the head overlooks have a gradient as well: zero.
        return (box + 0 * torch.stack([item.sum() for item in maps]).sum())[None]

    with torch.no_grad():
        if detector.decode(detector.run_head(features))[0].best(label) is None:
            return None
    inputs = tuple(item.float().requires_grad_() for item in features)
    explain = _input_x_gradient()(edges)
    height, width = image.shape[-2:]
    total = torch.zeros(4, height, width)
    for edge, heat in enumerate(total):
        for item in explain.attribute(inputs, target=edge):
            heat += _spread(item.detach(), (height, width)).cpu()
    return total


def _spread(attribution: Tensor, size: tuple[int, int]) -> Tensor:
    """The sizes of attributions [1, C, h, w] spread over the pixels [H, W] of their places."""
    held = attribution.sum(1, keepdim=True).abs()
    share = held.shape[-2] * held.shape[-1] / (size[0] * size[1])
    return share * F.interpolate(held, size, mode="bilinear")[0, 0]


def _input_x_gradient() -> Any:
    try:
        from captum.attr import InputXGradient
    except ImportError as error:
        raise user_error(
            "Captum is not installed: pip install 'heart-detection-framework[explain]'"
        ) from error
    return InputXGradient


def _page(view: View, indices: list[int], title: str, label: str) -> Figure:
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    figure = Figure(figsize=(5 * SIDE, len(indices) * (SIDE + 0.25) + 1), layout="constrained")
    figure.suptitle(title, fontsize=11)
    panels = figure.subplots(len(indices), 1 + len(EDGES), squeeze=False)
    for row, index in zip(panels, indices, strict=True):
        image = view.image(index)[0]
        maps = edge_maps(
            view.detector, view.network.batch([index]).images, view.labels.index(label)
        )
        for number, axes in enumerate(row):
            draw_radiograph(axes, image)
            if maps is not None:
                _draw_heat(axes, view, index, maps.sum(0) if number == 0 else maps[number - 1])
            draw_boxes(axes, view, index, label)
            heading = panel_title(view, index) if number == 0 else f"{EDGES[number - 1]} edge"
            axes.set_title(heading, fontsize=9, parse_math=False)
            axes.set_axis_off()
    legend = [
        *boxes_legend(view.labels, label),
        Patch(fc="#F0F921", label="features here move the edge most"),
    ]
    finish(figure, legend)
    return figure


def _draw_heat(axes: Any, view: View, index: int, heat: Tensor) -> None:
    height, width = heat.shape
    frame = heat.new_tensor([0.0, 0.0, width, height])
    x0, y0, x1, y1 = view.network.geometry(index).to_original(frame).tolist()
    limits = axes.get_xlim(), axes.get_ylim()
    scaled = (heat / heat.max().clamp(min=1e-12)).clamp(0, 1)
    axes.imshow(
        scaled.numpy(),
        cmap="plasma",
        vmin=0,
        vmax=1,
        alpha=(0.75 * scaled).numpy(),
        extent=(x0, x1, y1, y0),
    )
    axes.set(xlim=limits[0], ylim=limits[1])
