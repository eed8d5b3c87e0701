"""The figures in docs/conventions.md are those that the code gives."""

from __future__ import annotations

import torch
from kornia.augmentation import RandomAffine
from torch import Tensor

from hdf.augmentation.pipeline import Augment, BoxBounds
from hdf.boxes import iou
from hdf.types import Batch, Targets
from tests.docs.documentation import DOCS

DRAWS, SIDE = 4000, 100
MEAN_HEART = (0.433, 0.324)  # width and height, as fractions of the image


def turned(box_bounds: BoxBounds) -> Tensor:
    """The mean heart box in the middle of an image, under the page's rotations."""
    width, height = MEAN_HEART
    box = SIDE / 2 * torch.tensor([1 - width, 1 - height, 1 + width, 1 + height])
    ones = torch.ones(DRAWS, 1, dtype=torch.int64)
    targets = Targets(box.repeat(DRAWS, 1, 1), 0 * ones, ones.bool())
    batch = Batch(torch.zeros(1).expand(DRAWS, 1, SIDE, SIDE), targets, torch.arange(DRAWS))
    augment = Augment([RandomAffine(8.0, p=1.0)], (SIDE, SIDE), box_bounds)
    return augment(batch, (0,)).targets.boxes[:, 0]


def test_how_much_corners_inflate_a_heart_box() -> None:
    corners, ellipse = turned("rectangle"), turned("ellipse")
    wider, higher = ((corners[:, 2:] - corners[:, :2]) / (ellipse[:, 2:] - ellipse[:, :2])).mean(0)
    overlap = iou(corners, ellipse).mean()
    figures = (
        f"{100 * (wider - 1):.0f} % wider and {100 * (higher - 1):.0f} % higher "
        f"than those of the ellipse, and their IoU is {overlap:.2f}"
    )
    assert figures in " ".join((DOCS / "conventions.md").read_text(encoding="utf-8").split())
