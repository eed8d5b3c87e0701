from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torchvision import models

from hdf_plugins.backbones.resnet import ResNet, ResNet18, ResNet50


@pytest.mark.parametrize("size", [(32, 32), (112, 112), (97, 131)])
@pytest.mark.parametrize(
    ("backbone", "channels"),
    [(ResNet18, (64, 64, 128, 256, 512)), (ResNet50, (64, 256, 512, 1024, 2048))],
)
def test_channels_and_strides_are_those_of_the_maps(
    backbone: type[ResNet], channels: tuple[int, ...], size: tuple[int, int]
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


def test_the_first_map_is_taken_before_the_pooling() -> None:
    model = ResNet18().eval()
    with torch.no_grad():
        first, second, *_ = model(torch.rand(1, 1, 64, 64))
        assert model.layers.layer1(model.layers.maxpool(first)).equal(second)


def test_the_stages_hold_every_parameter_once() -> None:
    model = ResNet18()
    held = [id(p) for stage in model.stages() for p in stage.parameters()]
    assert held == [id(p) for p in model.parameters()]


@pytest.mark.parametrize(
    ("backbone", "theirs"), [(ResNet18, models.resnet18), (ResNet50, models.resnet50)]
)
def test_has_the_parameters_of_torchvision(backbone: type[ResNet], theirs: type) -> None:
    expected = {k: v.shape for k, v in theirs().state_dict().items() if not k.startswith("fc.")}
    found = {k: v.shape for k, v in backbone(in_channels=3).layers.state_dict().items()}
    assert found == expected


def parameters_with_gradients(model: ResNet) -> set[str]:
    model(torch.rand(2, 1, 64, 64))[-1].sum().backward()
    return {n.split(".")[1] for n, p in model.named_parameters() if p.grad is not None}


def test_frozen_stages_have_no_gradients() -> None:
    assert parameters_with_gradients(ResNet18(freeze=2)) == {"layer2", "layer3", "layer4"}
    assert "conv1" in parameters_with_gradients(ResNet18())


def test_a_copy_keeps_its_frozen_stages_in_evaluation_mode() -> None:
    model = copy.deepcopy(ResNet18(freeze=1)).train()
    norms = [m for m in model.modules() if isinstance(m, nn.BatchNorm2d)]
    assert [norm.training for norm in norms[:2]] == [False, True]


@pytest.mark.parametrize("options", [{"freeze": 6}, {"weights": "resnet18"}])
def test_bad_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"freeze|weights"):
        ResNet18(**options)  # type: ignore[arg-type]
