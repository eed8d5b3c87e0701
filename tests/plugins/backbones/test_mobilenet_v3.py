from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn
from torchvision import models

from hdf.errors import UserError
from hdf_plugins.backbones.mobilenet_v3 import MobileNetV3, MobileNetV3Large, MobileNetV3Small


@pytest.mark.parametrize("size", [(32, 32), (97, 131)])
@pytest.mark.parametrize(
    ("backbone", "channels"),
    [(MobileNetV3Large, (16, 24, 40, 112, 960)), (MobileNetV3Small, (16, 16, 24, 48, 576))],
)
def test_channels_and_strides_are_those_of_the_maps(
    backbone: type[MobileNetV3], channels: tuple[int, ...], size: tuple[int, int]
) -> None:
    model = backbone().eval()
    assert model.channels == channels
    assert model.strides == (2, 4, 8, 16, 32)
    with torch.no_grad():
        shapes = [features.shape for features in model(torch.rand(2, 1, *size))]
    assert shapes == [
        (2, count, -(-size[0] // stride), -(-size[1] // stride))
        for count, stride in zip(channels, model.strides, strict=True)
    ]


@pytest.mark.parametrize("backbone", [MobileNetV3Large, MobileNetV3Small])
def test_answers_as_torchvision_with_the_same_weights(
    tmp_path: Path, backbone: type[MobileNetV3]
) -> None:
    theirs = models.get_model(backbone.name).eval()
    torch.save(theirs.state_dict(), tmp_path / "theirs.pth")
    ours = backbone(in_channels=3, weights=tmp_path / "theirs.pth").eval()
    assert ours.mean == pytest.approx((0.485, 0.456, 0.406))
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        assert ours(images)[-1].equal(theirs.features(images))


def test_filters_for_rgb_are_summed_for_grey(tmp_path: Path) -> None:
    theirs = models.mobilenet_v3_small()
    torch.save(theirs.state_dict(), tmp_path / "theirs.pth")
    ours = MobileNetV3Small(weights=tmp_path / "theirs.pth")
    filters = ours.features[0][0].weight  # type: ignore[index]
    assert filters.equal(theirs.features[0][0].weight.sum(1, keepdim=True))
    assert ours.mean == pytest.approx((0.449,))


def test_width_scales_in_multiples_of_eight() -> None:
    model = MobileNetV3Small(width=0.5)
    assert model.channels == (8, 8, 16, 24, 288)
    assert [f.shape[1] for f in model(torch.rand(2, 1, 64, 64))] == list(model.channels)


def test_the_stages_hold_every_parameter_once() -> None:
    model = MobileNetV3Small()
    held = [id(p) for stage in model.stages() for p in stage.parameters()]
    assert len(model.stages()) == 5
    assert held == [id(p) for p in model.parameters()]


def test_frozen_stages_stay_fixed() -> None:
    model = MobileNetV3Small(freeze=2).train()
    model(torch.rand(2, 1, 64, 64))[-1].sum().backward()
    fixed = {n.split(".")[1] for n, p in model.named_parameters() if p.grad is None}
    assert fixed == {"0", "1"}
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    assert {norm.training for norm in norms[:3]} == {False}
    assert {norm.training for norm in norms[3:]} == {True}


def test_a_file_of_another_network_is_refused(tmp_path: Path) -> None:
    torch.save(models.mobilenet_v3_large().state_dict(), tmp_path / "large.pth")
    with pytest.raises(UserError, match="parameters of torchvision's mobilenet_v3_small"):
        MobileNetV3Small(weights=tmp_path / "large.pth")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"freeze": 6}, "0 to 5"),
        ({"weights": "mobile"}, "none, imagenet or the path"),
        ({"width": 0.0}, "width is a factor"),
        ({"width": 0.5, "weights": "imagenet"}, "width 1.0 only"),
    ],
)
def test_bad_options_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        MobileNetV3Small(**options)  # type: ignore[arg-type]
