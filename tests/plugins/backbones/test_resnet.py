from __future__ import annotations

import copy
from collections.abc import Callable

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
    ("backbone", "build"), [(ResNet18, models.resnet18), (ResNet50, models.resnet50)]
)
@pytest.mark.parametrize("training", [True, False])
def test_answers_as_torchvision_with_the_same_weights(
    backbone: type[ResNet], build: Callable[[], nn.Module], training: bool
) -> None:
    theirs, ours = build().train(training), backbone(in_channels=3).train(training)
    theirs.fc = nn.Identity()
    assert list(ours.layers.state_dict()) == list(theirs.state_dict())
    ours.layers.load_state_dict(theirs.state_dict())
    images = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        assert ours(images)[-1].mean((2, 3)).equal(theirs(images))
        assert ours.layers.bn1.running_mean.equal(theirs.bn1.running_mean)  # type: ignore[union-attr]


@pytest.mark.parametrize("backbone", [ResNet18, ResNet50])
def test_width_scales_every_convolution(backbone: type[ResNet]) -> None:
    narrow, whole = backbone(width=0.25, in_channels=4), backbone(in_channels=16)
    narrow_shapes = [p.shape for p in narrow.parameters()]
    assert [[4 * side for side in shape[:2]] for shape in narrow_shapes] == [
        list(p.shape[:2]) for p in whole.parameters()
    ]
    assert narrow.channels == tuple(count // 4 for count in whole.channels)
    assert [f.shape[1] for f in narrow(torch.rand(2, 4, 64, 64))] == list(narrow.channels)


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


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"freeze": 6}, "0 to 5"),
        ({"weights": "resnet18"}, "none, imagenet or the path"),
        ({"width": -1.0}, "width is a factor"),
        ({"width": 0.5, "weights": "imagenet"}, "width 1.0 only"),
    ],
)
def test_bad_options_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ResNet18(**options)  # type: ignore[arg-type]
