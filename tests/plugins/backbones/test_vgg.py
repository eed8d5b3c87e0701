from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional
from torchvision.models import vgg as torchvision_vgg

from hdf_plugins.backbones.vgg import VGG, VGG11, VGG13, VGG16, VGG19


def convolutions(model: nn.Module) -> list[nn.Conv2d]:
    return [layer for layer in model.modules() if isinstance(layer, nn.Conv2d)]


@pytest.mark.parametrize(("backbone", "count"), [(VGG11, 8), (VGG13, 10), (VGG16, 13), (VGG19, 16)])
def test_number_of_convolutions(backbone: type[VGG], count: int) -> None:
    assert len(convolutions(backbone())) == count


def test_vgg16_is_full_width_for_grey_images() -> None:
    widths = [layer.out_channels for layer in convolutions(VGG16())]
    assert widths == [64] * 2 + [128] * 2 + [256] * 3 + [512] * 6
    assert convolutions(VGG16())[0].in_channels == 1


@pytest.mark.parametrize("size", [(32, 32), (112, 112), (97, 131), (64, 224)])
@pytest.mark.parametrize("batch_norm", [False, True])
def test_channels_and_strides_are_those_of_the_maps(
    size: tuple[int, int], batch_norm: bool
) -> None:
    backbone = VGG11(width=0.25, batch_norm=batch_norm)
    assert backbone.channels == (16, 32, 64, 128, 128, 128)
    assert backbone.strides == (1, 2, 4, 8, 16, 32)
    shapes = [features.shape for features in backbone(torch.rand(2, 1, *size))]
    assert shapes == [
        (2, channels, size[0] // stride, size[1] // stride)
        for channels, stride in zip(backbone.channels, backbone.strides, strict=True)
    ]


def test_five_maps_are_what_is_pooled_next() -> None:
    backbone = VGG13(width=0.25)
    maps = backbone(torch.rand(1, 1, 64, 96))
    for stage, before, after in zip(backbone.stages()[1:], maps, maps[1:-1], strict=False):
        assert stage[:-1](functional.max_pool2d(before, 2)).equal(after)
    assert functional.max_pool2d(maps[-2], 2).equal(maps[-1])


def test_the_stages_hold_every_parameter_once() -> None:
    backbone = VGG16(width=0.25, batch_norm=True)
    held = [id(p) for stage in backbone.stages() for p in stage.parameters()]
    assert held == [id(p) for p in backbone.parameters()]


def test_width_scales_every_convolution() -> None:
    backbone = VGG11(width=0.5)
    widths = [layer.out_channels for layer in convolutions(backbone)]
    assert widths == [32, 64, 128, 128, 256, 256, 256, 256]
    assert backbone.channels == (32, 64, 128, 256, 256, 256)


def test_input_channels() -> None:
    assert VGG11(in_channels=3, width=0.25)(torch.rand(1, 3, 32, 32))[-1].shape == (1, 128, 1, 1)


def test_starts_from_the_initialization_of_torchvision() -> None:
    for layer in convolutions(VGG16())[1:]:
        expected = (2 / (layer.out_channels * 9)) ** 0.5
        assert layer.weight.std().item() == pytest.approx(expected, rel=0.03)
        assert layer.bias is not None
        assert not layer.bias.any()


@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize(
    ("backbone", "layout"), [(VGG11, "A"), (VGG13, "B"), (VGG16, "D"), (VGG19, "E")]
)
def test_answers_as_torchvision_with_the_same_weights(
    backbone: type[VGG], layout: str, batch_norm: bool
) -> None:
    theirs = torchvision_vgg.make_layers(torchvision_vgg.cfgs[layout], batch_norm)
    ours = backbone(in_channels=3, batch_norm=batch_norm)
    assert list(ours.features.state_dict()) == list(theirs.state_dict())
    ours.features.load_state_dict(theirs.state_dict())
    images = torch.randn(2, 3, 64, 32)
    with torch.no_grad():
        assert ours(images)[-1].equal(theirs(images))


def test_without_weights_no_normalization_is_asked_for() -> None:
    assert VGG11(width=0.25).mean is None
    assert VGG11(width=0.25).std is None


@pytest.mark.parametrize(("stages", "fixed"), [(0, 0), (1, 1), (2, 2), (3, 4), (5, 8)])
def test_frozen_stages_have_no_gradients(stages: int, fixed: int) -> None:
    backbone = VGG11(width=0.25, freeze=stages)
    features = backbone(torch.rand(1, 1, 64, 64))[-1]
    if features.requires_grad:
        features.sum().backward()
    gradients = [layer.weight.grad is not None for layer in convolutions(backbone)]
    assert gradients == [False] * fixed + [True] * (8 - fixed)


def test_frozen_stages_keep_their_running_statistics() -> None:
    backbone = VGG11(width=0.25, batch_norm=True, freeze=2)
    before = {name: value.clone() for name, value in backbone.named_buffers()}
    backbone.train()(torch.rand(2, 1, 64, 64))
    changed = [n for n, v in backbone.named_buffers() if not v.equal(before[n])]
    norms = [n for n in before if n.endswith("running_mean")]
    assert [n for n in norms if n in changed] == norms[2:]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"freeze": 6}, "0 to 5"),
        ({"freeze": -1}, "0 to 5"),
        ({"width": 0.0}, "width"),
        ({"width": float("nan")}, "width"),
        ({"width": 0.5, "weights": "imagenet"}, "width 1.0 only"),
        ({"width": 0.5, "weights": "phantom"}, "width 1.0 only"),
        ({"weights": "imagnet"}, "none, imagenet, phantom or the path"),
    ],
)
def test_bad_options_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        VGG16(**options)  # type: ignore[arg-type]


def test_bfloat16_in_channels_last() -> None:
    backbone = VGG11(width=0.25).to(memory_format=torch.channels_last)
    images = torch.rand(2, 1, 64, 64)
    with torch.autocast("cpu", torch.bfloat16):
        features = backbone(images)[-1]
    assert features.dtype == torch.bfloat16
    assert torch.allclose(features.float(), backbone(images)[-1], rtol=0.1, atol=0.02)
