"""Heat lies where the features are that an edge is read from, for every backbone and head."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from hdf import Batch, Detections, UserError
from hdf.registry.registry import Registry
from hdf_plugins.heads.box_regression import BoxRegression
from hdf_plugins.heads.dense import EdgeSoftargmax, Mask
from hdf_plugins.visualizers.gradcam import GradCam, edge_maps
from tests.plugins.visualizers.small_runs import LABELS, SIZE, view

pytest.importorskip("captum", reason="needs the extra explain")

NARROW = {"width": 0.125}
BACKBONES: dict[str, dict[str, Any]] = {
    "vgg11": NARROW,
    "resnet18": NARROW,
    "mobilenet_v3_small": {},
    "timm": {"name": "test_resnet", "image_size": SIZE},
}


class Overall(nn.Module):
    """Two maps of ones: at stride 4, and at stride 8."""

    channels, strides = (1, 1), (4, 8)

    def forward(self, images: Tensor) -> list[Tensor]:
        height, width = images.shape[-2:]
        return [torch.ones(len(images), 1, height // step, width // step) for step in self.strides]


class Corners(nn.Module):
    """Reads each edge of the heart's box from one place of the first map, and no lung."""

    PLACES = ((2, 3), (1, 12), (9, 4), (10, 10))
    follows = True

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        read = torch.stack([features[0][:, 0, row, column] for row, column in self.PLACES], -1)
        return read * torch.tensor([10.0, 12, 40, 30])

    def loss(self, raw: Tensor, batch: Batch) -> dict[str, Tensor]:
        raise NotImplementedError

    def decode(self, raw: Tensor, size: tuple[int, int]) -> list[Detections]:
        raw = raw if self.follows else raw.detach()
        return [Detections(box[None], torch.tensor([0]), torch.ones(1)) for box in raw]


def test_heat_lies_where_an_edge_is_read() -> None:
    seen = view(Overall(), Corners())
    image = seen.network.batch([0]).images
    maps = edge_maps(seen.detector, image, 0)
    assert maps is not None
    assert maps.shape == (4, *SIZE)
    for heat, (row, column) in zip(maps, Corners.PLACES, strict=True):
        peak = int(heat.argmax())
        assert (peak // SIZE[1] // 4, peak % SIZE[1] // 4) == (row, column)
        assert (heat > 0).sum() <= 12 * 12
    assert edge_maps(seen.detector, image, 1) is None
    GradCam(LABELS)


def test_boxes_without_a_gradient() -> None:
    head = Corners()
    head.follows = False
    seen = view(Overall(), head)
    with pytest.raises(UserError, match="head 'top' has no heat maps"):
        edge_maps(seen.detector, seen.network.batch([0]).images, 0)


@pytest.mark.parametrize("name", BACKBONES)
def test_every_backbone_and_head(name: str, registry: Registry) -> None:
    torch.manual_seed(0)
    if name == "timm":
        pytest.importorskip("timm", reason="needs the extra timm")
    backbone = registry.find("backbone", name).load()(**BACKBONES[name])
    shape = (backbone.channels, backbone.strides, LABELS)
    stride = 8
    heads: list[nn.Module] = [
        BoxRegression(*shape, image_size=SIZE, hidden=(4,)),
        EdgeSoftargmax(*shape, stride=stride, width=4),
        Mask(*shape, stride=stride, width=4),
        Mask(*shape, stride=stride, width=4, edges=False),
    ]
    nn.init.constant_(heads[-1].masks.bias, 0.0)  # type: ignore[union-attr,arg-type]
    for head in heads:
        seen = view(backbone, head)
        maps = edge_maps(seen.detector, seen.network.batch([0]).images, 0)
        assert maps is not None
        assert maps.shape == (4, *SIZE)
        assert maps.isfinite().all()
        assert maps.min() >= 0
        assert maps.sum() > 0
        assert all(parameter.grad is None for parameter in seen.detector.parameters())


def test_the_file(tmp_path: Path) -> None:
    seen = view(Overall(), Corners())
    assert GradCam(LABELS).draw(seen, tmp_path) == [tmp_path / "gradcam.png"]
    assert GradCam(LABELS, label="left_lung").draw(seen, tmp_path)[0].stat().st_size > 10_000


def test_options_out_of_range() -> None:
    with pytest.raises(ValueError, match="count must be at least 1, not 0"):
        GradCam(LABELS, count=0)
    with pytest.raises(ValueError, match=r"'liver' is not in data.labels: heart, left_lung"):
        GradCam(LABELS, label="liver")


def test_without_captum(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    with pytest.raises(UserError, match=r"pip install 'heart-detection-framework\[explain\]'"):
        GradCam(LABELS)
