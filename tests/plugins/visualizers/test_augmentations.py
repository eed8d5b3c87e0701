"""The sheet shows training's own first batch, and other draws of it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from kornia.augmentation import RandomAffine
from PIL import Image

from hdf import UserError, View
from hdf.augmentation.pipeline import Augment
from hdf.data.batches import Batches
from hdf.drawing import Shown
from hdf_plugins.backbones.vgg import VGG11
from hdf_plugins.heads.box_regression import BoxRegression
from hdf_plugins.visualizers import augmentations
from hdf_plugins.visualizers.augmentations import Augmentations
from tests.plugins.visualizers.small_runs import LABELS, SIZE, view


def moved() -> Augment:
    return Augment([RandomAffine(0.0, translate=(0.3, 0.3), p=1.0)], SIZE)


def seen(augment: Augment | None) -> View:
    body = VGG11(width=0.125)
    top = BoxRegression(body.channels, body.strides, LABELS, image_size=SIZE, hidden=(4,))
    return view(body, top, augment)


def test_what_is_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sheets: list[list[Shown]] = []

    def note(shown: list[Shown], *_: object) -> Image.Image:
        sheets.append(shown)
        return Image.new("RGB", (4, 4))

    monkeypatch.setattr(augmentations, "draw_sheet", note)
    looked = seen(moved())
    Augmentations(count=5, draws=3).draw(looked, tmp_path)
    (shown,) = sheets
    network = looked.network
    first = next(Batches(network.store, network.train, 3).shuffled(network.seed, 1))
    assert [item.id for item in shown] == [f"noise-{place}" for place in first.index.tolist()]
    assert network.augment is not None
    begun = network.augment(first, (network.seed, 1, 0))  # as training's first step
    for row, item in enumerate(shown):
        stored, *draws = item.panels
        assert torch.equal(stored.boxes, first.targets.boxes[row])
        assert torch.equal(draws[0].image, (begun.images[row, 0] * 255).round().byte())
        assert torch.equal(draws[0].boxes, begun.targets.boxes[row][begun.targets.valid[row]])
        assert len({tuple(panel.image.flatten().tolist()) for panel in item.panels}) == 4


def test_the_file(tmp_path: Path) -> None:
    (path,) = Augmentations(count=2, draws=5).draw(seen(moved()), tmp_path)
    assert path == tmp_path / "augmentations.png"
    with Image.open(path) as sheet:
        assert sheet.width > 6 * SIZE[1]


def test_nothing_to_draw(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="the recipe augments nothing"):
        Augmentations().draw(seen(None), tmp_path)
    with pytest.raises(ValueError, match="draws must be at least 1, not 0"):
        Augmentations(draws=0)
