from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torchvision import models

from hdf_plugins.backbones.resnet import ResNet, ResNet18, ResNet50


@pytest.mark.parametrize("size", [(32, 32), (112, 112), (97, 131)])
@pytest.mark.parametrize(("backbone", "channels"), [(ResNet18, 512), (ResNet50, 2048)])
def test_channels_and_strides_are_those_of_the_map(
    backbone: type[ResNet], channels: int, size: tuple[int, int]
) -> None:
    model = backbone().eval()
    with torch.no_grad():
        (features,) = model(torch.rand(2, 1, *size))
    assert model.channels == (channels,)
    assert features.shape == (2, channels, *(-(-side // model.strides[0]) for side in size))


@pytest.mark.parametrize(
    ("backbone", "theirs"), [(ResNet18, models.resnet18), (ResNet50, models.resnet50)]
)
def test_has_the_parameters_of_torchvision(backbone: type[ResNet], theirs: type) -> None:
    expected = {k: v.shape for k, v in theirs().state_dict().items() if not k.startswith("fc.")}
    found = {k: v.shape for k, v in backbone(in_channels=3).layers.state_dict().items()}
    assert found == expected


def parameters_with_gradients(model: ResNet) -> set[str]:
    model(torch.rand(2, 1, 64, 64))[0].sum().backward()
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
