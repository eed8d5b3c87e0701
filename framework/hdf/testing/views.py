"""A view to draw: painted radiographs, what was found in them, and a small detector."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Literal

import torch
from kornia.augmentation import RandomAffine
from torch import Tensor, nn
from torch.nn import functional as F

from hdf.augmentation.pipeline import Augment
from hdf.boxes import from_center_size
from hdf.data.store import build_store
from hdf.models.detector import Detector, ModelSpec
from hdf.testing.painting import paint
from hdf.testing.targets import random_boxes
from hdf.types import Batch, Detections, Sample, Target
from hdf.visualize.view import NetworkImages, View

SIZE = (72, 96)
IMAGES = 3
EPOCHS = 2


def example_view(
    labels: tuple[str, ...] = ("heart", "left_lung"), when: Literal["epoch", "end"] = "end"
) -> View:
    """Three painted images: one with all boxes found, one with a box missed, one without boxes.

    Args:
        labels: the recipe's ``data.labels``.
        when: as of the visualizer: there are no metrics yet while an ``epoch`` is drawn.
    """
    boxes = random_boxes(len(labels), SIZE, torch.Generator().manual_seed(0))
    known = torch.arange(len(labels))
    every = Detections(boxes + 1, known, torch.full((len(labels),), 0.9), torch.ones_like(boxes))
    assert every.spread is not None
    fewer = Detections(every.boxes[1:], known[1:], every.scores[1:], every.spread[1:])
    unlabelled = Target(torch.zeros(0, 4), ())
    samples = [Sample(f"painted-{i}", partial(_image, boxes)) for i in range(IMAGES)]
    targets = [Target(boxes, labels), Target(boxes, labels), unlabelled]
    history = [_epoch(number) for number in range(1, EPOCHS + 1)]
    metrics = {"iou_mean": 0.8, "constant_box_iou": 0.6} if when == "end" else {}
    found = [every, fewer, every]
    network = _network(samples, targets, labels)
    return View(labels, samples, targets, found, history, metrics, _detector(labels), network)


def _network(
    samples: list[Sample], targets: list[Target], labels: tuple[str, ...]
) -> NetworkImages:
    """The same images for validation as for training, where they are turned a little."""
    pairs = zip(samples, targets, strict=True)
    known = [replace(sample, target=target) for sample, target in pairs]
    store, places = build_store(known, labels, SIZE), range(IMAGES)
    turned = Augment([RandomAffine(5.0, p=1.0)], SIZE)
    return NetworkImages(store, places, places, IMAGES, turned, 0)


def _image(boxes: Tensor) -> Tensor:
    return paint(boxes, SIZE).amax(0, keepdim=True)


def _epoch(number: int) -> dict[str, float]:
    losses = {"train_loss": 1 / number, "train_l1": 1 / number, "val_loss": 2 / number}
    return {"epoch": number, "lr": 1e-3, **losses, "iou_mean": 0.4, "constant_box_iou": 0.6}


def _detector(labels: tuple[str, ...]) -> Detector:
    spec = ModelSpec({"use": ""}, {"use": ""}, "image", labels, SIZE, "letterbox")
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        return Detector(_Backbone(), _Head(len(labels)), spec).eval()


class _Backbone(nn.Module):
    channels, strides = (4, 4), (2, 4)

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 4, 3, stride=2, padding=1)
        self.second = nn.Conv2d(4, 4, 3, stride=2, padding=1)

    def forward(self, images: Tensor) -> list[Tensor]:
        fine = self.first(images).relu()
        return [fine, self.second(fine).relu()]


class _Head(nn.Module):
    def __init__(self, labels: int) -> None:
        super().__init__()
        self.linear = nn.Linear(4, 4 * labels)

    def forward(self, features: list[Tensor]) -> Tensor:
        edges: Tensor = self.linear(features[-1].mean((2, 3)))
        return edges.reshape(len(edges), -1, 4)

    def loss(self, raw: Tensor, batch: Batch) -> dict[str, Tensor]:
        height, width = batch.images.shape[-2:]
        boxes, present = batch.targets.one_per_label(raw.shape[1])
        found, _, _ = self.answers(raw, (height, width))
        errors = F.l1_loss(found, boxes, reduction="none").mean(-1)
        return {"l1": (errors * present).sum() / present.sum().clamp(min=1)}

    def answers(self, raw: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor, None]:
        height, width = size
        middle = (raw.sigmoid() + 1) / 4
        boxes = from_center_size(middle) * raw.new_tensor([width, height, width, height])
        return boxes, torch.ones_like(boxes[..., 0]), None

    def decode(self, raw: Tensor, size: tuple[int, int]) -> list[Detections]:
        boxes, scores, _ = self.answers(raw, size)
        return [Detections.one_a_label(*one, None) for one in zip(boxes, scores, strict=True)]
