"""Model files: what one promises, and that a damaged or made-up one is refused by name."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from hdf import UserError
from hdf.files.tensors import checksum
from hdf.models.build import build_detector
from hdf.models.calibration import Calibration
from hdf.models.detector import Detector, ModelSpec
from hdf.models.file import (
    load_model,
    promised_tensors,
    read_tensors,
    save_calibration,
    save_model,
)
from hdf.models.weights import HERE, shipped_models
from hdf.recipe.check import part_of
from hdf.registry.registry import Registry
from tests.detectors import small_detector

HEART = {"labels": ("heart",), "image_size": (64, 64), "normalize": "image", "resize": "stretch"}
BACKBONES = ({"use": "vgg11", "width": 0.1}, {"use": "resnet18", "width": 0.1})
HEADS = ({"use": "box_regression", "hidden": [8]}, {"use": "edge_softargmax"}, {"use": "mask"})


@pytest.fixture(scope="module")
def detector(registry: Registry) -> Detector:
    return small_detector(registry)


@pytest.fixture
def saved(detector: Detector, tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    save_model(detector, path)
    return path


def described(path: Path) -> dict[str, Any]:
    with safe_open(path, framework="pt") as file:
        found: dict[str, Any] = json.loads(file.metadata()["hdf"])
    return found


def rewritten(path: Path, about: dict[str, Any]) -> None:
    """As hdf would have written it, had it been told so."""
    tensors = load_file(path)
    about = {key: value for key, value in about.items() if key != "sha256"}
    whole = {**about, "sha256": checksum(tensors, json.dumps(about))}
    save_file(tensors, path, metadata={"hdf": json.dumps(whole)})


def refused(path: Path, registry: Registry) -> str:
    with pytest.raises(UserError) as caught:
        load_model(path, registry)
    assert not caught.value.traceback
    assert all(problem.where == str(path) for problem in caught.value.problems)
    return str(caught.value)


def test_a_single_bit_of_a_weight_is_seen(saved: Path, registry: Registry) -> None:
    load_model(saved, registry)
    content = bytearray(saved.read_bytes())
    content[-7] ^= 1
    saved.write_bytes(content)
    assert "damaged: its checksum does not match" in refused(saved, registry)
    with pytest.raises(UserError, match="damaged"):
        save_calibration(saved, saved, Calibration((0.9,), {"heart": (1.0,)}))


def test_a_changed_description_is_seen(saved: Path, registry: Registry) -> None:
    content = saved.read_bytes()
    mean = b'\\"mean\\": [0.5]'
    assert mean in content
    saved.write_bytes(content.replace(mean, mean.replace(b"5", b"7")))
    assert "damaged" in refused(saved, registry)


def test_the_same_model_makes_the_same_file(
    detector: Detector, saved: Path, tmp_path: Path
) -> None:
    for _ in range(8):
        save_model(detector, tmp_path / "again.safetensors")
        assert (tmp_path / "again.safetensors").read_bytes() == saved.read_bytes()


def test_a_calibration_gets_a_checksum_of_its_own(saved: Path, registry: Registry) -> None:
    save_calibration(saved, saved, Calibration((0.9,), {"heart": (1.0,)}))
    assert load_model(saved, registry).spec.calibration is not None


def test_the_checksum_takes_any_dtype_and_order() -> None:
    tensors = {"a": torch.ones(2, dtype=torch.bfloat16), "b": torch.tensor(True)}
    found = checksum(tensors, "")
    assert found == checksum(dict(reversed(tensors.items())), "")
    assert found != checksum({**tensors, "a": torch.ones(2, dtype=torch.float16)}, "")
    assert found != checksum({**tensors, "a": torch.ones(1, 2, dtype=torch.bfloat16)}, "")
    assert found != checksum({"a": tensors["a"], "c": tensors["b"]}, "")


@pytest.mark.parametrize("name", shipped_models())
def test_files_from_before_checksums_are_read(name: str) -> None:
    path = HERE / f"{name}.safetensors"
    spec, tensors = read_tensors(path)
    assert spec.labels and tensors


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_size": [0, 32]}, r"image size is \(0, 32\); expected 1 to 4096"),
        ({"image_size": [10**9, 32]}, "image size"),
        ({"labels": []}, "labels are missing"),
        ({"labels": ["heart", "heart"]}, "labels heart, heart; expected different names"),
        ({"labels": ["heart", "lung"]}, r"head\.layers\S+ is \d.* instead of \d.*another shape"),
        ({"in_channels": 7}, "7 channels; expected 1 or 3"),
        ({"mean": [0.5, 0.5]}, "mean is"),
        ({"std": [0.0]}, "std is 0"),
        ({"doubt": -1}, "doubt has -1 axes"),
        ({"doubt": 4}, "doubt.*missing"),
        ({"backbone": {}}, "its backbone has no name"),
        ({"head": {"use": ["x"]}}, "its head has no name"),
        ({"head": {"use": "box_regression", "hidden": [9]}}, "of another shape"),
        ({"head": {"use": "box_regression", "hiden": 9}}, "does not take the options"),
        ({"backbone": {"use": "vgg11", "width": 9e5}}, "at most 8, not 900000"),
        ({"head": {"use": "box_regression", "hidden": [10**9]}}, "of another shape"),
        ({"backbone": {"use": "vgg11", "weights": "/etc/a.pth"}}, "needs weights from elsewhere"),
        ({"format": 2, "hdf": "9.9"}, r"written by hdf 9\.9, a later one"),
        ({"resize": "bend"}, "not a model that hdf wrote"),
    ],
)
def test_what_does_not_fit_is_named(
    saved: Path, registry: Registry, change: dict[str, Any], message: str
) -> None:
    rewritten(saved, {**described(saved), **change})
    assert re.search(message, refused(saved, registry))


@pytest.mark.parametrize("text", ["[" * 100_000, "[]", "7", '{"format": 1}', "\\ud800"])
def test_descriptions_that_are_none_are_refused(saved: Path, registry: Registry, text: str) -> None:
    save_file(load_file(saved), saved, metadata={"hdf": text})
    assert "not a model that hdf wrote" in refused(saved, registry)


def test_renamed_and_lost_tensors_are_named(
    saved: Path, detector: Detector, registry: Registry
) -> None:
    tensors = load_file(saved)
    first = next(iter(tensors))
    tensors["other"] = tensors.pop(first)
    save_file(tensors, saved, metadata={"hdf": json.dumps(described_as(detector))})
    assert f"{first} (missing); other (unexpected)" in refused(saved, registry)


def described_as(detector: Detector) -> dict[str, Any]:
    return {"format": 1, "hdf": "0.1.0", **asdict(detector.spec)}


@pytest.mark.parametrize("backbone", BACKBONES, ids=lambda part: part["use"])
@pytest.mark.parametrize("head", HEADS, ids=lambda part: part["use"])
def test_the_tensors_are_those_of_the_detector(
    registry: Registry, backbone: dict[str, Any], head: dict[str, Any]
) -> None:
    spec = ModelSpec(backbone=backbone, head=head, **HEART)  # type: ignore[arg-type]
    parts = (
        part_of(registry, "backbone", backbone, "here", "no"),
        part_of(registry, "head", head, "here", "no"),
    )
    built = build_detector(*parts, spec).state_dict()
    state = torch.get_rng_state()
    promised = promised_tensors(*parts, spec)
    assert promised is not None
    assert {name: (value.shape, value.dtype) for name, value in promised.items()} == {
        name: (value.shape, value.dtype) for name, value in built.items()
    }
    assert all(value.is_meta for value in promised.values())
    assert torch.equal(torch.get_rng_state(), state)


def test_a_model_is_loaded_without_the_compiler() -> None:
    script = (
        "import sys; from hdf.inference.load import load_predictor; load_predictor();"
        "print([name for name in ('torch._dynamo', 'sympy') if name in sys.modules])"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.stdout == "[]\n", done.stderr
