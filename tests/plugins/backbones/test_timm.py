from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from hdf.errors import UserError
from hdf.models.detector import Detector, ModelSpec
from hdf.models.file import load_model, save_model
from hdf.registry.registry import discover
from hdf_plugins.backbones import weights
from hdf_plugins.backbones.timm_model import Timm
from hdf_plugins.heads.box_regression import BoxRegression

timm = pytest.importorskip("timm")

SIZE = (96, 64)
GREY = torch.rand(2, 1, *SIZE)


def maps(backbone: Timm, images: Tensor = GREY) -> list[Tensor]:
    with torch.no_grad():
        found: list[Tensor] = backbone.eval()(images)
    return found


@pytest.fixture
def rgb_file(tmp_path: Path) -> Path:
    path = tmp_path / "rgb.safetensors"
    save_file(timm.create_model("test_resnet").state_dict(), path)
    return path


@pytest.mark.parametrize(
    ("name", "strides"),
    [
        ("test_resnet", (2, 4, 8, 16, 32)),
        ("test_efficientnet", (2, 4, 8, 16, 32)),
        ("test_convnext", (4, 8, 16, 32)),
        ("test_vit", (16, 16, 16)),
        ("test_mambaout", (4, 8, 16, 32)),  # channels behind
    ],
)
def test_channels_and_strides_are_those_of_the_maps(name: str, strides: tuple[int, ...]) -> None:
    backbone = Timm(name=name, image_size=SIZE)
    assert backbone.strides == strides
    assert [features.shape for features in maps(backbone)] == [
        (2, channels, SIZE[0] // stride, SIZE[1] // stride)
        for channels, stride in zip(backbone.channels, strides, strict=True)
    ]
    assert backbone.mean is None


@pytest.mark.parametrize("name", ["test_resnet", "test_efficientnet", "test_vit"])
def test_weights_from_a_file_answer_as_the_model_that_wrote_it(tmp_path: Path, name: str) -> None:
    size = {"img_size": SIZE} if name == "test_vit" else {}
    theirs = timm.create_model(name, **size).eval()
    torch.save(theirs.state_dict(), tmp_path / "theirs.pth")
    weights = tmp_path / "theirs.pth"
    grey = Timm(name=name, image_size=SIZE, weights=weights)
    rgb = Timm(name=name, image_size=SIZE, weights=weights, in_channels=3)
    thrice = GREY.expand(-1, 3, -1, -1)
    with torch.no_grad():
        expected = theirs.forward_intermediates(thrice, intermediates_only=True)[-1]
    assert torch.allclose(maps(rgb, thrice)[-1], expected, rtol=1e-3, atol=1e-5)
    assert torch.allclose(maps(grey)[-1], expected, rtol=1e-3, atol=1e-4)
    assert rgb.mean == timm.get_pretrained_cfg(name).mean
    assert grey.mean == pytest.approx((sum(rgb.mean) / 3,))
    assert len(grey.std or ()) == 1


@pytest.mark.parametrize("in_channels", [1, 3])
def test_weights_of_a_grey_model(tmp_path: Path, in_channels: int) -> None:
    theirs = timm.create_model("test_resnet", in_chans=1, num_classes=0)
    save_file(theirs.state_dict(), tmp_path / "grey.safetensors")
    weights = tmp_path / "grey.safetensors"
    backbone = Timm(name="test_resnet", image_size=SIZE, weights=weights, in_channels=in_channels)
    images = GREY.expand(-1, in_channels, -1, -1)
    with torch.no_grad():
        expected = theirs.eval().forward_features(GREY)
    assert torch.allclose(maps(backbone, images)[-1], expected, rtol=1e-3, atol=1e-5)
    assert backbone.mean is None


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("test_efficientnet", r"conv_stem\.weight, .* more \(missing\).* timm's test_efficientnet"),
        ("test_resnet", r"make a backbone of test_resnet: .*size mismatch for layer4"),
    ],
)
def test_a_file_of_another_model_is_refused(rgb_file: Path, name: str, message: str) -> None:
    state = timm.create_model("test_resnet").state_dict()
    state["layer4.0.conv1.weight"] = torch.zeros(1, 1, 3, 3)
    save_file(state, rgb_file)
    with pytest.raises(UserError, match=message):
        Timm(name=name, image_size=SIZE, weights=rgb_file)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "resnet81"}, r"timm has no model 'resnet81'; did you mean resnet\d+"),
        ({"name": "hf-hub:timm/resnet18"}, r"see timm.list_models\(\)"),
        ({"name": "resnet18.b1"}, r"no weights 'resnet18.b1'; there are: resnet18.a1_in1k, "),
        ({"name": "resnet18", "weights": "in21k"}, "none, imagenet or the path"),
    ],
)
def test_bad_options_are_refused(options: dict[str, str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Timm(image_size=SIZE, **options)


def test_a_model_without_maps_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise RuntimeError("features_only not implemented\nfor such models.")

    monkeypatch.setattr(timm, "create_model", refuse)
    with pytest.raises(UserError) as caught:
        Timm(name="test_vit", image_size=SIZE)
    expected = "timm can't make a backbone of test_vit: features_only not implemented for such"
    assert str(caught.value).startswith(expected)


def test_without_timm_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(UserError, match=r"pip install 'heart-detection-framework\[timm\]'"):
        Timm(name="test_resnet", image_size=SIZE)


def test_offline_says_what_to_download(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def refuse(*args: object, **options: object) -> None:
        raise OSError("no route to host")

    hub = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr(hub, "try_to_load_from_cache", lambda *place: None)
    monkeypatch.setattr(hub, "hf_hub_download", lambda *place: pytest.fail("was asked"))
    monkeypatch.setattr(weights, "urlopen", refuse)
    with pytest.raises(UserError) as caught:
        Timm(name="test_resnet", image_size=SIZE, weights="imagenet")
    message = str(caught.value)
    assert "weights of test_resnet: no route to host. Download https://huggingface.co/" in message
    assert "model.backbone.weights=/path/to/test_resnet.safetensors" in message
    assert "\n" not in message


def test_cached_weights_need_no_network(rgb_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []

    def cached(*place: str) -> str:
        asked.append(place)
        return str(rgb_file)

    hub = pytest.importorskip("huggingface_hub")
    monkeypatch.setattr(hub, "try_to_load_from_cache", cached)
    monkeypatch.setattr(weights, "check_reachable", lambda url: pytest.fail("was asked"))
    backbone = Timm(name="test_resnet.r160_in1k", image_size=SIZE, weights="imagenet")
    assert asked == [("timm/test_resnet.r160_in1k", "model.safetensors")]
    from_file = Timm(name="test_resnet", image_size=SIZE, weights=rgb_file)
    assert maps(backbone)[-1].equal(maps(from_file)[-1])
    assert backbone.mean == from_file.mean


def test_a_model_without_weights_is_told() -> None:
    with pytest.raises(UserError, match="timm offers no weights for mixer_s16_224"):
        Timm(name="mixer_s16_224", image_size=SIZE, weights="imagenet")


def test_a_model_file_loads_without_its_weight_file(rgb_file: Path, tmp_path: Path) -> None:
    use: dict[str, Any] = {"use": "timm", "name": "test_resnet", "weights": str(rgb_file)}
    spec = ModelSpec(
        use, {"use": "box_regression", "hidden": []}, "image", ("heart",), SIZE, "letterbox"
    )
    backbone = Timm(name="test_resnet", image_size=SIZE, weights=rgb_file)
    head = BoxRegression(backbone.channels, backbone.strides, ("heart",), SIZE, hidden=())
    detector = Detector(backbone, head, spec).eval()
    save_model(detector, tmp_path / "model.safetensors")
    rgb_file.unlink()
    loaded = load_model(tmp_path / "model.safetensors", discover())
    with torch.no_grad():
        assert loaded(GREY).equal(detector(GREY))
