"""Normalisation, the contract with backbone and head, and the model file."""

from __future__ import annotations

import json
import pickle
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from hdf import Detections, UserError
from hdf.models.build import build_detector, new_detector
from hdf.models.calibration import Calibration
from hdf.models.detector import Detector, ModelSpec
from hdf.models.file import load_model, read_spec, save_calibration, save_model
from hdf.recipe.check import check_recipe
from hdf.recipe.merge import resolve
from hdf.registry.registry import Registry, discover
from hdf.types import Batch, pad_targets

SPEC = ModelSpec({"use": "b"}, {"use": "h"}, "image", ("heart",), (32, 32), "letterbox")


class Backbone(nn.Module):
    channels, strides = (3,), (1,)

    def forward(self, images: Tensor) -> list[Tensor]:
        return [images]


class Pair(NamedTuple):
    map: Tensor
    rest: int


class Head(nn.Module):
    def forward(self, features: list[Tensor]) -> dict[str, Any]:
        half = features[0].half()
        return {"map": features[0], "more": [half], "pair": Pair(half, 3), "count": 3}

    def loss(self, raw: Any, batch: Batch) -> dict[str, Tensor]:
        return {"zero": raw["map"].sum() * 0}

    def decode(self, raw: Any, size: tuple[int, int]) -> list[Detections]:
        return []


def detector(normalize: str = "image", **kwargs: Any) -> Detector:
    return Detector(Backbone(), Head(), replace(SPEC, normalize=normalize, **kwargs))  # type: ignore[arg-type]


def test_each_image_is_brought_to_zero_mean_and_unit_spread() -> None:
    torch.manual_seed(0)
    images = torch.rand(4, 1, 32, 32) * torch.tensor([0.1, 0.5, 1, 1]).view(4, 1, 1, 1) + 0.0
    found = detector().normalize(images)
    torch.testing.assert_close(found.mean((1, 2, 3)), torch.zeros(4), atol=1e-5, rtol=0)
    torch.testing.assert_close(found.std((1, 2, 3)), torch.ones(4))
    assert torch.isfinite(detector().normalize(torch.zeros(1, 1, 8, 8))).all()


def test_robust_normalisation_does_not_look_at_black_and_white() -> None:
    torch.manual_seed(0)
    images = 0.1 + 0.5 * torch.rand(2, 1, 32, 32)
    plain = detector("robust").normalize(images)
    torch.testing.assert_close(plain, detector().normalize(images), atol=1e-3, rtol=1e-3)
    covered = images.clone()
    covered[0, :, :8], covered[0, :, :, 20:] = 0.0, 0.0
    covered[1, :, :8], covered[1, :, :, 20:] = 1.0, 0.0
    for seen, found in zip(
        images[:, :, 8:, :20], detector("robust").normalize(covered), strict=True
    ):
        expected = (seen - seen.mean()) / seen.std(correction=0)
        torch.testing.assert_close(found[:, 8:, :20], expected)


@pytest.mark.parametrize("level", [0.0, 0.3, 1.0])
def test_robust_normalisation_bears_flat_and_clipped_images(level: float) -> None:
    images = torch.full((1, 1, 16, 16), level)
    assert (detector("robust").normalize(images).abs() < 1e-3).all()
    images[..., :8] = 1 - level
    assert detector("robust").normalize(images).abs().max() < 10


def test_fixed_normalisation_takes_the_backbones_values() -> None:
    spec = replace(
        SPEC, normalize="fixed", in_channels=3, mean=(0.5, 0.4, 0.3), std=(0.1, 0.2, 0.3)
    )
    built = Detector(Backbone(), Head(), spec)
    found = built.normalize(torch.full((2, 1, 4, 4), 0.5))
    torch.testing.assert_close(found[0, :, 0, 0], torch.tensor([0.0, 0.5, 2 / 3]))
    plain = detector("fixed").normalize(torch.full((1, 1, 4, 4), 0.75))
    torch.testing.assert_close(plain, torch.ones(1, 1, 4, 4))


def test_grey_is_repeated_for_backbones_of_three_channels() -> None:
    found = detector(in_channels=3).normalize(torch.rand(2, 1, 8, 8))
    assert found.shape == (2, 3, 8, 8)
    assert torch.equal(found[:, 0], found[:, 2])
    assert found.is_contiguous(memory_format=torch.channels_last)


def test_raw_outputs_arrive_as_float32() -> None:
    raw = detector()(torch.rand(1, 1, 8, 8))
    assert raw["more"][0].dtype == torch.float32
    assert raw["pair"].map.dtype == torch.float32
    assert (raw["pair"].rest, raw["count"]) == (3, 3)


def test_a_head_without_fit_is_left_alone() -> None:
    detector().fit(pad_targets([torch.zeros(1, 4)], [torch.zeros(1).long()]))


@pytest.fixture
def built(tmp_path: Path, tiny_recipe: Path, registry: Registry) -> Detector:
    checked = check_recipe(resolve(tiny_recipe, []), registry)
    parts, plain = checked.parts, checked.resolved()["model"]
    spec = ModelSpec(plain["backbone"], plain["head"], "image", ("heart",), (32, 32), "stretch")
    built = build_detector(parts["model", "backbone"], parts["model", "head"], spec)
    built.fit(pad_targets([torch.tensor([[4.0, 5, 20, 25]])], [torch.zeros(1).long()]))
    return built.eval()


def test_a_model_file_alone_is_enough_to_predict(
    built: Detector, tmp_path: Path, registry: Registry
) -> None:
    path = tmp_path / "model.safetensors"
    save_model(built, path)
    again = load_model(path, registry)
    assert not again.training
    assert again.spec == built.spec
    images = torch.rand(2, 1, 32, 32)
    with torch.inference_mode():
        first, second = built.decode(built(images)), again.decode(again(images))
    for one, other in zip(first, second, strict=True):
        assert torch.equal(one.boxes, other.boxes)
    assert [path] == list(tmp_path.glob("*.safetensors*"))


def test_weights_that_share_memory_are_saved(built: Detector, tmp_path: Path) -> None:
    built.head.twin = built.head.layers  # type: ignore[union-attr]
    save_model(built, tmp_path / "model.safetensors")
    assert (tmp_path / "model.safetensors").exists()


def test_where_initial_weights_came_from_is_not_needed_again(
    built: Detector, tmp_path: Path
) -> None:
    built.spec = replace(built.spec, backbone={**built.spec.backbone, "weights": "imagenet"})
    save_model(built, tmp_path / "m.safetensors")
    assert read_spec(tmp_path / "m.safetensors").backbone["weights"] == "none"


def test_a_calibration_travels_in_the_model_file(built: Detector, tmp_path: Path) -> None:
    path, copy = tmp_path / "m.safetensors", tmp_path / "copy.safetensors"
    save_model(built, path)
    assert read_spec(path).calibration is None
    fallback = {"heart": (0.1, 0.2, 0.3, 0.4)}
    calibration = Calibration((0.5, 0.9), {"heart": (1.0, 2.0)}, (), fallback)
    save_calibration(path, copy, calibration)
    assert read_spec(copy) == replace(built.spec, calibration=calibration)
    save_calibration(copy, copy, replace(calibration, ratio=(1.0, 2.0)))
    found = read_spec(copy).calibration
    assert found == replace(calibration, ratio=(1.0, 2.0))


def test_model_files_from_before_calibrations_are_read(built: Detector, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    about = {"format": 1, "hdf": "0.1.0", **asdict(built.spec)}
    del about["calibration"]
    save_file({"a": torch.zeros(1)}, path, metadata={"hdf": json.dumps(about)})
    assert read_spec(path) == built.spec


def test_files_that_are_no_model_are_told(
    built: Detector, tmp_path: Path, registry: Registry
) -> None:
    path = tmp_path / "model.safetensors"

    def refused(message: str) -> None:
        with pytest.raises(UserError, match=message):
            load_model(path, registry)

    refused("not a readable model file")
    path.write_bytes(pickle.dumps({"a": 1}))
    refused("not a readable model file")
    save_file({"a": torch.zeros(1)}, path)
    refused("not a model that hdf wrote")
    save_model(built, path)
    path.write_bytes(path.read_bytes()[:-100])
    refused("not a readable model file")
    about = {"format": 99, "hdf": "9.9", "labels": [], "image_size": []}
    save_file({"a": torch.zeros(1)}, path, metadata={"hdf": json.dumps(about)})
    refused("written by hdf 9.9, a later one")


def test_weights_that_do_not_fit_are_told(
    built: Detector, tmp_path: Path, registry: Registry
) -> None:
    path = tmp_path / "model.safetensors"
    built.spec = replace(built.spec, head={**built.spec.head, "hidden": [99]})
    save_model(built, path)
    with pytest.raises(UserError, match="its weights do not fit its description"):
        load_model(path, registry)
    built.spec = replace(built.spec, head={"use": "gone"})
    save_model(built, path)
    with pytest.raises(UserError, match="no head is called 'gone'"):
        load_model(path, registry)


PLUGIN = """
import hdf
from torch import nn

class NoStrides(nn.Module):
    channels = (1,)
    def forward(self, images): return [images]

class Failing(nn.Module):
    def __init__(self, *, rate: float = 0.5):
        raise {error}

class NoModule:
    channels = strides = (1,)
    def forward(self, images): return [images]

@hdf.hookimpl
def hdf_backbones(register):
    register("no_strides", NoStrides)
    register("failing", Failing)
    register("no_module", NoModule)
"""


def test_what_pretrained_weights_expect_is_kept_in_the_model_file(
    tmp_path: Path, tiny_recipe: Path
) -> None:
    (tmp_path / "pretrained.py").write_text(
        "import hdf\n"
        "from torch import nn\n"
        "class Pretrained(nn.Module):\n"
        "    channels, strides, mean, std = (3,), (1,), (0.5, 0.4, 0.3), (0.1, 0.2, 0.3)\n"
        "    def forward(self, images): return [images]\n"
        "@hdf.hookimpl\n"
        "def hdf_backbones(register): register('pretrained', Pretrained)\n"
    )
    registry = discover(tmp_path)
    checked = check_recipe(resolve(tiny_recipe, ["model.backbone={use: pretrained}"]), registry)
    parts = checked.parts["model", "backbone"], checked.parts["model", "head"]
    spec = replace(SPEC, backbone={"use": "pretrained"}, head={"use": "box_regression"})
    built = new_detector(*parts, replace(spec, head=checked.resolved()["model"]["head"]))
    save_model(built, tmp_path / "model.safetensors")
    again = load_model(tmp_path / "model.safetensors", registry)
    assert (again.spec.in_channels, again.spec.mean) == (3, (0.5, 0.4, 0.3))
    assert torch.equal(again.std, built.std)


@pytest.mark.parametrize(
    ("use", "error", "message"),
    [
        ("no_strides", "ValueError()", "backbone 'no_strides' .* lacks strides"),
        ("no_module", "ValueError()", r"is no torch.nn.Module"),
        ("failing", "ValueError('rate is 0.5: too low')", "failing: rate is 0.5: too low"),
        ("failing", "RuntimeError('boom')", "construction fails: RuntimeError: boom"),
    ],
)
def test_components_that_do_not_keep_the_contract_are_told(
    tmp_path: Path, tiny_recipe: Path, use: str, error: str, message: str
) -> None:
    (tmp_path / "odd.py").write_text(PLUGIN.format(error=error))
    checked = check_recipe(
        resolve(tiny_recipe, [f"model.backbone={{use: {use}}}"]), discover(tmp_path)
    )
    with pytest.raises(UserError, match=message) as caught:
        build_detector(checked.parts["model", "backbone"], checked.parts["model", "head"], SPEC)
    assert "command line: model.backbone=" in str(caught.value)
    assert ("Traceback" in caught.value.traceback) == ("RuntimeError" in error)
