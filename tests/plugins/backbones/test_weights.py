from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from torchvision import models
from torchvision.models.vgg import cfgs, make_layers

from hdf.errors import UserError
from hdf.recipe.load import packaged_recipes
from hdf_plugins.backbones.resnet import ResNet18
from hdf_plugins.backbones.vgg import VGG11, VGG16
from hdf_plugins.backbones.weights import IMAGENET_MEAN, IMAGENET_STD, SHIPPED

State = dict[str, Tensor]


def vgg_state(layout: str, batch_norm: bool = False) -> State:
    """As torchvision writes it, the classifier's large tensors made small."""
    layers = make_layers(cfgs[layout], batch_norm)
    state = {f"features.{name}": value for name, value in layers.state_dict().items()}
    return {**state, "classifier.0.weight": torch.zeros(2, 2)}


@pytest.fixture
def vgg11_file(tmp_path: Path) -> Path:
    torch.save(vgg_state("A"), tmp_path / "vgg11.pth")
    return tmp_path / "vgg11.pth"


def test_vgg16_answers_as_torchvision(tmp_path: Path) -> None:
    theirs = make_layers(cfgs["D"])
    path = tmp_path / "vgg16.safetensors"
    save_file({f"features.{name}": value for name, value in theirs.state_dict().items()}, path)
    images = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        assert VGG16(in_channels=3, weights=path)(images)[-1].equal(theirs(images))


def test_vgg11_with_batch_norm_answers_as_torchvision(tmp_path: Path) -> None:
    theirs = make_layers(cfgs["A"], batch_norm=True)
    theirs(torch.randn(4, 3, 32, 32))
    path = tmp_path / "vgg11_bn.safetensors"
    save_file({f"features.{name}": value for name, value in theirs.state_dict().items()}, path)
    backbone = VGG11(in_channels=3, weights=path, batch_norm=True).eval()
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        assert backbone(images)[-1].equal(theirs.eval()(images))


def test_resnet18_answers_as_torchvision(tmp_path: Path) -> None:
    theirs = models.resnet18().eval()
    torch.save(theirs.state_dict(), tmp_path / "resnet18.pth")
    ours = ResNet18(in_channels=3, weights=tmp_path / "resnet18.pth").eval()
    theirs.avgpool = theirs.fc = torch.nn.Identity()
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        assert ours(images)[-1].flatten(1).equal(theirs(images))


def test_summed_filters_answer_to_grey_as_rgb_filters_to_grey_thrice(vgg11_file: Path) -> None:
    grey = torch.randn(2, 1, 64, 64)
    with torch.no_grad():
        one = VGG11(weights=vgg11_file)(grey)[-1]
        three = VGG11(weights=vgg11_file, in_channels=3)(grey.expand(-1, 3, -1, -1))[-1]
    assert one.std() > 0
    assert torch.allclose(one, three, rtol=1e-3, atol=1e-5)


def test_rgb_weights_state_what_they_expect_of_an_image(vgg11_file: Path) -> None:
    rgb, grey = VGG11(weights=vgg11_file, in_channels=3), VGG11(weights=vgg11_file)
    assert (rgb.mean, rgb.std) == (IMAGENET_MEAN, IMAGENET_STD)
    assert grey.mean == pytest.approx((0.449,))
    assert grey.std == pytest.approx((0.226,))


@pytest.mark.parametrize("in_channels", [1, 3])
def test_weights_of_a_grey_network(tmp_path: Path, in_channels: int) -> None:
    source = VGG11(width=0.25)
    save_file(source.state_dict(), tmp_path / "grey.safetensors")
    loaded = VGG11(weights=tmp_path / "grey.safetensors", width=0.25, in_channels=in_channels)
    images = torch.randn(1, 1, 64, 64)
    with torch.no_grad():
        features = loaded(images.expand(-1, in_channels, -1, -1))[-1]
        assert torch.allclose(features, source(images)[-1], rtol=1e-3, atol=1e-6)
    assert loaded.mean is None


def test_batch_counters_may_be_missing(tmp_path: Path) -> None:
    state = models.resnet18().state_dict()
    kept = {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}
    torch.save(kept, tmp_path / "old.pth")
    assert ResNet18(weights=tmp_path / "old.pth").mean is not None


def message_of(weights: Path, **options: bool) -> str:
    with pytest.raises(UserError) as caught:
        VGG11(weights=weights, **options)
    assert str(weights) in str(caught.value)
    return str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert "there is no weight file" in message_of(tmp_path / "absent.pth")


@pytest.mark.parametrize("name", ["damaged.pth", "damaged.pt", "damaged.safetensors"])
@pytest.mark.parametrize("content", [b"", b"hello", b"\x80\x02}q\x00", b"PK\x03\x04" + bytes(60)])
def test_a_damaged_file_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    message_of(tmp_path / name)


def test_a_truncated_file_is_named(vgg11_file: Path) -> None:
    vgg11_file.write_bytes(vgg11_file.read_bytes()[:100_000])
    message_of(vgg11_file)


class Canary:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.folder),)


def test_pickled_objects_are_refused_and_not_executed(tmp_path: Path) -> None:
    torch.save({"features.0.weight": Canary(tmp_path / "canary")}, tmp_path / "bad.pth")
    assert "can run code" in message_of(tmp_path / "bad.pth")
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("content", [[torch.zeros(1)], {"epoch": 3}, {0: torch.zeros(1)}])
def test_what_is_no_state_dict_is_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "other.pth")
    assert "not a plain state dict" in message_of(tmp_path / "other.pth")


def test_keys_that_do_not_fit_are_shown(tmp_path: Path) -> None:
    torch.save(vgg_state("D"), tmp_path / "vgg16.pth")
    message = message_of(tmp_path / "vgg16.pth")
    assert "features.2.weight" in message
    assert "more (unexpected)" in message
    assert "torchvision's vgg11" in message


def test_weights_without_batch_norm_do_not_fit_with_it(vgg11_file: Path) -> None:
    message = message_of(vgg11_file, batch_norm=True)
    assert "features.1.weight" in message
    assert "(missing)" in message
    assert "torchvision's vgg11_bn" in message


def test_shapes_that_do_not_fit_are_shown(tmp_path: Path) -> None:
    torch.save(vgg_state("A") | {"features.3.bias": torch.zeros(7)}, tmp_path / "odd.pth")
    assert "features.3.bias is 7 instead of 128" in message_of(tmp_path / "odd.pth")


def test_a_first_convolution_for_two_channels_does_not_fit(tmp_path: Path) -> None:
    state = vgg_state("A") | {"features.0.weight": torch.zeros(64, 2, 3, 3)}
    torch.save(state, tmp_path / "two.pth")
    assert "64x2x3x3 instead of 64x1x3x3" in message_of(tmp_path / "two.pth")


def test_phantom_weights_come_with_the_package() -> None:
    torch.manual_seed(0)
    start = VGG16(weights="phantom")
    images = torch.rand(2, 1, 64, 64)
    with torch.no_grad():
        grey, rgb = (
            start(images),
            VGG16(in_channels=3, weights="phantom")(images.expand(-1, 3, -1, -1)),
        )
    assert (start.mean, start.std) == (None, None)
    assert grey[-1].isfinite().all() and grey[-1].std() > 0
    assert torch.allclose(grey[-1], rgb[-1], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    "backbone",
    [VGG11, ResNet18, lambda **options: VGG16(batch_norm=True, **options)],
    ids=["vgg11", "resnet18", "vgg16_bn"],
)
def test_phantom_weights_of_another_backbone_are_refused(backbone: Callable[..., object]) -> None:
    with pytest.raises(ValueError, match=r"not 'phantom' \(phantom weights exist for vgg16 alone"):
        backbone(weights="phantom")


def test_every_shipped_weight_file_has_a_card_that_names_its_recipe() -> None:
    for path in SHIPPED.glob("*.safetensors"):
        card = path.with_suffix(".md").read_text(encoding="utf-8")
        (recipe,) = re.findall(r"hdf run recipes/(\w+)\.yaml", card)
        assert recipe in [item.stem for item in packaged_recipes()]
        assert "Not a medical device" in card and "Apache-2.0" in card
