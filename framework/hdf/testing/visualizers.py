"""The contract of visualizers, and a view to draw."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import chdir
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import torch
from kornia.augmentation import RandomAffine
from torch import Tensor, nn

from hdf.augmentation.pipeline import Augment
from hdf.boxes import from_center_size
from hdf.data.store import build_store
from hdf.models.detector import Detector, ModelSpec
from hdf.testing.contract import asking, subject
from hdf.testing.painting import paint, random_boxes
from hdf.types import Batch, Detections, Sample, Target
from hdf.visualize.view import NetworkImages, View

SIZE = (72, 96)
"""Of the images of `example_view`."""


def check_visualizer(
    visualizer: Any,
    *,
    options: Mapping[str, Any] | None = None,
    labels: tuple[str, ...] = ("heart", "left_lung"),
    view: View | None = None,
    repeats: bool = True,
) -> None:
    """Hold a visualizer to all that hdf asks of one.

    It copes with a missed label and with an image without boxes; it writes below its folder alone,
    returns what it wrote, and writes the same again; it changes nothing of what it is shown, and
    leaves no figure of pyplot open.

    Args:
        visualizer: the visualizer, or the name of a registered one, built as for a recipe.
        options: of a registered one.
        labels: the recipe's ``data.labels``.
        view: what to draw; `hdf.testing.example_view` if left out.
        repeats: False for files that hold the time, as an experiment tracker's do.

    Raises:
        AssertionError: saying what is wrong and what to do.
    """
    supplied = {"labels": labels, "image_size": (64, 64)}
    with subject("visualizer", visualizer, options, 0, **supplied) as made:
        when = getattr(made.make(), "when", None)
        assert when in ("epoch", "end"), f"when is {when!r}, expected 'epoch' or 'end'"
        shown = view or example_view(labels, when)
        first, again = _drawn(made.make(), shown), _drawn(made.make(), shown)
        assert first.keys() == again.keys(), "it writes other files when it draws again"
        differ = [name for name in first if first[name] != again[name]]
        assert not (repeats and differ), (
            f"{', '.join(differ)} differs when drawn again; keep time and chance out, or give "
            "repeats=False"
        )


def _drawn(visualizer: Any, view: View) -> dict[str, bytes]:
    """The files of one draw, by their path below the folder."""
    before = _boxes(view)
    with TemporaryDirectory() as place, chdir(place):  # what a relative path writes is seen
        folder = Path(place) / "figures"
        folder.mkdir()
        with asking("draw", torch_draws=False):
            returned = visualizer.draw(view, folder)
        files = sorted(path for path in Path(place).rglob("*") if path.is_file())
        stray = [path.name for path in files if folder not in path.parents]
        assert not stray, (
            f"draw writes {', '.join(stray)} outside of its folder; write below the folder that "
            "it is given"
        )
        _check_returned(returned, files)
        found = {str(path.relative_to(folder)): path.read_bytes() for path in files}
    assert all(found.values()), "draw leaves an empty file"
    assert all(map(torch.equal, before, _boxes(view))), (
        "draw changes the boxes of its view; other visualizers are shown them too"
    )
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or not pyplot.get_fignums(), (
        "draw leaves a figure of pyplot open; use matplotlib.figure.Figure"
    )
    return found


def _check_returned(returned: Any, files: list[Path]) -> None:
    assert isinstance(returned, list) and all(isinstance(item, Path) for item in returned), (
        f"draw gives {returned!r}, expected the list of the paths that it wrote"
    )
    written, named = ({path.resolve() for path in paths} for paths in (files, returned))
    missing = sorted(path.name for path in named - written)
    assert not missing, f"draw names {', '.join(missing)}, and did not write it"
    silent = sorted(path.name for path in written - named)
    assert not silent, f"draw writes {', '.join(silent)}, and does not return its path"


def _boxes(view: View) -> list[Tensor]:
    shown = [target.boxes for target in view.targets]
    return [item.clone() for item in (*shown, *(found.boxes for found in view.detections))]


def example_view(
    labels: tuple[str, ...] = ("heart", "left_lung"), when: Literal["epoch", "end"] = "end"
) -> View:
    """Three painted images: one with all boxes found, one with a box missed, one without boxes.

    Args:
        labels: the recipe's ``data.labels``.
        when: as of the visualizer: there are no metrics yet while an ``epoch`` is drawn.
    """
    boxes = random_boxes(len(labels), SIZE, torch.Generator().manual_seed(0))
    known, spread = torch.arange(len(labels)), torch.ones_like(boxes)
    every = Detections(boxes + 1, known, torch.full((len(labels),), 0.9), spread)
    fewer = Detections(every.boxes[1:], known[1:], every.scores[1:], spread[1:])
    targets = [Target(boxes, labels), Target(boxes, labels), Target(torch.zeros(0, 4), ())]
    read = partial(_image, boxes)
    samples = [Sample(f"painted-{i}", read, target) for i, target in enumerate(targets)]
    same = {"lr": 1e-3, "iou_mean": 0.4, "constant_box_iou": 0.6}
    history = [
        {"epoch": n, "train_loss": 1 / n, "train_l1": 1 / n, "val_loss": 2 / n, **same}
        for n in (1, 2)
    ]
    metrics = {"iou_mean": 0.8, "constant_box_iou": 0.6} if when == "end" else {}
    found = [every, fewer, every]
    # The same images for validation as for training, where they are turned a little.
    store, places = build_store(samples, labels, SIZE), range(len(samples))
    turned = Augment([RandomAffine(5.0, p=1.0)], SIZE)
    network = NetworkImages(store, places, places, len(samples), turned, 0)
    return View(labels, samples, targets, found, history, metrics, _detector(labels), network)


def _image(boxes: Tensor) -> Tensor:
    return paint(boxes, SIZE).amax(0, keepdim=True)


def _detector(labels: tuple[str, ...]) -> Detector:
    spec = ModelSpec({"use": ""}, {"use": ""}, "image", labels, SIZE, "letterbox")
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        halving = [nn.Conv2d(channels, 4, 3, stride=2, padding=1) for channels in (1, 4)]
        return Detector(_Backbone(*halving), _Head(len(labels)), spec).eval()


class _Backbone(nn.Sequential):
    channels, strides = (4, 4), (2, 4)

    def forward(self, images: Tensor) -> list[Tensor]:
        fine = self[0](images).relu()
        return [fine, self[1](fine).relu()]


class _Head(nn.Module):
    def __init__(self, labels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4 * labels)

    def forward(self, features: list[Tensor]) -> Tensor:
        """Boxes [B, L, 4]; centres and sizes are from a quarter to a half of the image."""
        found: Tensor = self.linear(features[-1].mean((2, 3))).unflatten(1, (-1, 4))
        boxes = from_center_size((found.sigmoid() + 1) / 4)
        return boxes * boxes.new_tensor([SIZE[1], SIZE[0], SIZE[1], SIZE[0]])

    def loss(self, raw: Tensor, batch: Batch) -> dict[str, Tensor]:
        boxes, present = batch.targets.one_per_label(raw.shape[1])
        errors = (raw - boxes).abs().mean(-1)
        return {"l1": (errors * present).sum() / present.sum().clamp(min=1)}

    def decode(self, raw: Tensor, size: tuple[int, int]) -> list[Detections]:
        scores = torch.ones_like(raw[0, :, 0])
        return [Detections.one_a_label(boxes, scores, None) for boxes in raw]
