"""Exported graphs answer as PyTorch does, for images of any size."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
import torch
from torch import Tensor

from hdf.data.resize import Resize, resize_any, resize_image
from hdf.errors import UserError
from hdf.inference import Predictor
from hdf.inference.load import load_detectors
from hdf.inference.onnx import OnnxModel, OnnxPredictor
from hdf.models.build import build_detector
from hdf.models.calibration import Calibration
from hdf.models.detector import Detector, ModelSpec
from hdf.models.file import spec_of
from hdf.recipe.check import part_of
from hdf.registry.registry import Registry
from hdf.runtime.device import choose_compute
from hdf.tools.export import FORMATS, Difference, check_answers, export_model
from tests.painted import painted_detector

CPU = choose_compute("cpu", "float32")
SIZES = [(140, 83), (70, 211), (33, 20), (64, 64), (301, 300)]
LABELS = ("heart", "left_lung")
CALIBRATION = Calibration((0.5, 0.9), {"heart": (1.0, 2.0)}, (), {"heart": (0.1, 0.1, 0.1, 0.1)})
KINDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "box_regression": ({"hidden": [8]}, {}),
    "edge_softargmax": ({"width": 8, "stride": 8}, {"normalize": "fixed"}),
    "mask": (
        {"width": 8, "stride": 8, "edges": False},
        {"normalize": "robust", "resize": "stretch", "doubt": 2},
    ),
}
"""The options of each head, and what else is said of its detector."""


Export = Callable[[str, str], tuple[Path, Difference]]


def onnx() -> None:
    for name in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(name, reason=f"{name} is not installed: the extra onnx")


def small(registry: Registry, head: str) -> Detector:
    """A narrow detector for 64 x 48 pixels that has learnt nothing; `mask` finds but one label."""
    torch.manual_seed(3)
    backbone = {"use": "vgg11", "width": 0.125, "batch_norm": True}
    options, spec = KINDS[head]
    top = {"use": head, **options}
    about = ModelSpec(backbone, top, "image", LABELS, (64, 48), "letterbox")
    about = replace(about, calibration=CALIBRATION, **spec)
    built = build_detector(
        part_of(registry, "backbone", backbone, "test", "refuses"),
        part_of(registry, "head", top, "test", "refuses"),
        about,
    ).eval()
    if head == "mask":
        masks: Any = built.head.masks
        torch.nn.init.zeros_(masks.weight)
        masks.bias.data = torch.tensor([5.0, -5.0])
    return built


@pytest.fixture(scope="module")
def export(registry: Registry, tmp_path_factory: pytest.TempPathFactory) -> Export:
    """Export a small detector, once for all tests that ask for it."""

    @cache
    def exported(kind: str, head: str) -> tuple[Path, Difference]:
        if kind == "onnx":
            onnx()
        path = tmp_path_factory.mktemp(kind) / f"{head}.{kind}"
        return path, export_model(small(registry, head), path, kind, images())

    return exported


def images() -> list[Tensor]:
    """Smooth random images, whose like no two engines round to different answers."""
    noise = [torch.rand(1, 1, 5, 4, generator=torch.Generator().manual_seed(n)) for n in range(9)]
    return [
        torch.nn.functional.interpolate(item, size, mode="bicubic").clamp(0, 1)[0]
        for item, size in zip(noise, SIZES, strict=False)
    ]


@pytest.mark.parametrize("resize", ["letterbox", "stretch"])
@pytest.mark.parametrize("size", [(512, 512), (333, 777), (60, 31), (1, 1), (161, 159), (900, 41)])
def test_an_image_is_resized_as_elsewhere(size: tuple[int, int], resize: Resize) -> None:
    image = torch.rand(1, *size, generator=torch.Generator().manual_seed(0))
    for network in ((160, 160), (50, 70)):
        expected, geometry = resize_image(image, network, resize)
        resized, scale, offset = resize_any(image[None], network, resize)
        assert (resized[0] - expected).abs().max() < 1e-4
        assert scale.tolist() == torch.tensor(geometry.scale).tolist()
        assert offset.tolist() == list(geometry.offset)


@pytest.mark.parametrize(
    ("kind", "head"),
    [
        ("onnx", "box_regression"),
        ("onnx", "edge_softargmax"),
        ("onnx", "mask"),
        ("pt2", "box_regression"),
        ("pt2", "mask"),
    ],
)
def test_a_graph_answers_as_pytorch_does(export: Export, kind: str, head: str) -> None:
    path, difference = export(kind, head)
    assert difference.pixels < 0.01 and difference.doubt < 1e-4
    outputs = FORMATS[kind].read(path)(torch.rand(1, 96, 72))
    shapes = {name: tuple(value.shape) for name, value in outputs.items()}
    expected = {"boxes": (1, 2, 4), "scores": (1, 2)}
    expected |= {} if head == "box_regression" else {"spread": (1, 2, 4)}
    expected |= {"doubt": (1,)} if head == "mask" else {}
    assert shapes == expected
    if head == "mask":  # what is not found is NaN; what fills the network's image fills this one
        assert outputs["boxes"][0, 1].isnan().all() and outputs["spread"][0, 1].isnan().all()
        assert outputs["boxes"][0, 0].tolist() == pytest.approx([0, 0, 72, 96], abs=0.1)


def test_the_shipped_model_answers_as_pytorch_does(registry: Registry, tmp_path: Path) -> None:
    onnx()
    (detector,) = load_detectors(["heart-lungs"], registry)
    phantom = registry.find("loader", "phantom").load()
    sizes = [(211, 130), (96, 177), (40, 40), (420, 501)]
    shown = [phantom(count=1, seed=n, size=s).records()[0].read() for n, s in enumerate(sizes)]
    assert export_model(detector, tmp_path / "m.onnx", "onnx", shown).pixels < 0.1
    (expected,) = Predictor([detector], CPU).predict(shown[-1:])
    (found,) = OnnxPredictor([OnnxModel(tmp_path / "m.onnx")]).predict(shown[-1:])
    assert set(found.boxes) == {"heart", "left_lung", "right_lung"}
    assert found.doubt == pytest.approx(expected.doubt, abs=1e-3)
    for name, spread in expected.spreads.items():
        assert found.spreads[name].tolist() == pytest.approx(spread.tolist(), rel=1e-2)


def test_several_models_and_views_are_averaged_alike(export: Export, registry: Registry) -> None:
    heads = ["box_regression", "edge_softargmax"]
    predictor = OnnxPredictor([OnnxModel(export("onnx", head)[0]) for head in heads], tta=3)
    assert predictor.calibration == CALIBRATION
    torch_one = Predictor([small(registry, head) for head in heads], CPU, tta=3)
    both = zip(predictor.predict(images()), torch_one.predict(images()), strict=True)
    for found, expected in both:
        assert math.isnan(found.doubt) and found.scores == pytest.approx(expected.scores, abs=1e-3)
        for name, box in expected.boxes.items():
            assert found.boxes[name].tolist() == pytest.approx(box.tolist(), abs=0.05)
            spread = expected.spreads[name].tolist()
            assert found.spreads[name].tolist() == pytest.approx(spread, abs=0.05)


def test_the_description_travels_inside(export: Export, registry: Registry) -> None:
    spec = small(registry, "box_regression").spec
    path, _ = export("pt2", "box_regression")
    with ZipFile(path) as file:
        extra = {name.rpartition("/")[2]: name for name in file.namelist() if "/extra/" in name}
        assert spec_of(file.read(extra["hdf"]).decode(), path) == spec
        assert b"not a medical device" in file.read(extra["note"])
    path, _ = export("onnx", "box_regression")
    assert OnnxModel(path).spec == spec
    assert b"not a medical device" in path.read_bytes()


def test_a_graph_that_answers_otherwise_is_refused(registry: Registry) -> None:
    detector = small(registry, "box_regression")

    def off(image: Tensor) -> dict[str, Tensor]:
        (found,) = Predictor([detector], CPU).predict([image])
        boxes = found.detections.boxes + 0.5
        return {"boxes": boxes[None], "scores": found.detections.scores[None]}

    with pytest.raises(UserError, match=r"differ by up to 0\.5 px .*nothing was written"):
        check_answers(detector, off, images())


def test_a_head_without_tensors_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"head 'h' can't be exported: .*answers\(raw, size\)"):
        export_model(painted_detector(), tmp_path / "m.pt2", "pt2", images())
    assert not list(tmp_path.iterdir())
