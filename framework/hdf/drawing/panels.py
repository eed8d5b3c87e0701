"""Network images, pixel by pixel, with their boxes where they are to a fraction of a pixel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from hdf.drawing.shapes import HALO, HALO_ALPHA, LINE, blend, frame
from hdf.types import Batch


@dataclass(frozen=True)
class Panel:
    """One network image, uint8 [H, W].

    Its boxes are float32 [K, 4] on pixel edges, its labels int64 [K] into ``data.labels``.
    """

    image: Tensor
    boxes: Tensor
    labels: Tensor


@dataclass(frozen=True)
class Shown:
    """An image of the data set: as stored, as augmented in training if it is, and further draws."""

    id: str
    stored: Panel
    augmented: Panel | None = None
    further: tuple[Panel, ...] = ()

    @property
    def panels(self) -> list[Panel]:
        return [item for item in (self.stored, self.augmented, *self.further) if item is not None]

    @property
    def note(self) -> str:
        """What is to be said of its boxes, if anything."""
        boxes, left = len(self.stored.boxes), min(len(panel.boxes) for panel in self.panels)
        if not left:
            return "no box left" if boxes else "no box"
        return f"{left} of {boxes} boxes left" if left < boxes else ""


def panel_of(batch: Batch, row: int) -> Panel:
    """One image of a batch with its boxes."""
    eight_bit = (batch.images[row, 0] * 255).round().to(torch.uint8)
    valid = batch.targets.valid[row]
    boxes, labels = batch.targets.boxes[row][valid], batch.targets.labels[row][valid]
    return Panel(eight_bit.cpu(), boxes.cpu(), labels.cpu())


def paint(panel: Panel, colours: Sequence[str], zoom: int) -> Image.Image:
    """A panel in RGB, each pixel enlarged to `zoom` x `zoom`; colours ``#RRGGBB``, one a label."""
    grey = panel.image.numpy().repeat(zoom, 0).repeat(zoom, 1)
    picture = np.stack([grey] * 3, -1)
    boxes = [tuple(box) for box in (panel.boxes * zoom).tolist()]
    for box in boxes:
        blend(picture, frame(box, HALO, grey.shape) * HALO_ALPHA, "#000000")
    for box, label in zip(boxes, panel.labels.tolist(), strict=True):
        blend(picture, frame(box, LINE, grey.shape), colours[label])
    return Image.fromarray(picture)
