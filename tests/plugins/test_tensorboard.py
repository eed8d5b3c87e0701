"""What TensorBoard reads back is what the run wrote, once, and only where it was asked for."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hdf.registry.registry import discover
from hdf_plugins import tensorboard
from tests.conftest import read_jsonl
from tests.training.test_run import run

needs_the_extra = pytest.mark.skipif(
    importlib.util.find_spec("tensorboard") is None, reason="needs the extra tensorboard"
)
NAMES = {
    "train/loss": "train_loss",
    "val/loss": "val_loss",
    "val/iou_mean": "iou_mean",
    "val/constant_box_iou": "constant_box_iou",
    "inner/iou_mean": "inner_iou_mean",
    "lr": "lr",
}


@pytest.fixture
def switched_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HDF_TENSORBOARD", "1")


def read(folder: Path) -> Any:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    return EventAccumulator(str(folder), {"images": 0, "scalars": 0, "tensors": 0}).Reload()


@needs_the_extra
def test_what_is_read_back(tiny_recipe: Path, tmp_path: Path, switched_on: None) -> None:
    out = tmp_path / "run"
    changes = ["train.epochs=3", "train.validate_every=2", "data.split={val: 0.2, inner: 0.2}"]
    summary, _ = run(tiny_recipe, out, *changes)
    events = read(out / "tensorboard")
    lines = read_jsonl(out / "metrics.jsonl")
    for tag, name in NAMES.items():
        expected = [(line["epoch"], np.float32(line[name])) for line in lines if name in line]
        assert [(item.step, np.float32(item.value)) for item in events.Scalars(tag)] == expected
    assert len(events.Scalars("train/loss")) == 3
    assert len(events.Scalars("val/loss")) == 2
    assert events.Scalars("final/iou_mean")[0].value == pytest.approx(
        summary["metrics"]["val"]["iou_mean"]
    )
    text = events.Tensors("recipe/text_summary")[0].tensor_proto.string_val[0].decode()
    assert text == f"```yaml\n{(out / 'resolved.yaml').read_text()}```"
    (picture,) = events.Images("figures/overlay")
    with Image.open(out / "figures" / "overlay.png") as drawn:
        assert (picture.step, picture.width, picture.height) == (3, drawn.width, drawn.height)
    options = events.summary_metadata["_hparams_/session_start_info"].plugin_data.content
    assert b"model.backbone.use" in options
    assert b"vgg11" in options


@needs_the_extra
def test_a_resumed_run_has_no_point_twice(tmp_path: Path, switched_on: None) -> None:
    def begin(epochs: int) -> Any:
        started = a_run(tmp_path, epochs)
        tensorboard.hdf_run_started(started)
        tensorboard.hdf_epoch_finished(started)
        return started

    begin(3)  # killed here; its last checkpoint is that of epoch 2
    resumed = begin(2)
    write_lines(tmp_path, 4)
    tensorboard.hdf_run_finished(resumed, {"metrics": {"val": {}}, "epochs_run": 4})
    points = read(tmp_path / "tensorboard").Scalars("train/loss")
    assert [(item.step, item.value) for item in points] == [(1, 1.0), (2, 2.0), (3, 3.0), (4, 4.0)]
    pictures = read(tmp_path / "tensorboard").Images("figures/boxes")
    assert [item.step for item in pictures] == [2]


def a_run(folder: Path, epochs: int) -> Any:
    drawn = folder / "figures" / "epoch-002"
    drawn.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 3)).save(drawn / "boxes.png")
    write_lines(folder, epochs)
    files = SimpleNamespace(
        path=folder, metrics=folder / "metrics.jsonl", figures=folder / "figures"
    )
    (folder / "resolved.yaml").write_text("name: a\n")
    resolved = {"augment": [{"use": "gamma"}], "train": {"epochs": 4, "ema": None}}
    return SimpleNamespace(folder=files, resolved=resolved)


def write_lines(folder: Path, epochs: int) -> None:
    lines = [{"epoch": epoch, "train_loss": float(epoch)} for epoch in range(1, epochs + 1)]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "metrics.jsonl").write_text(text)


def test_off_unless_asked_for(
    tiny_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HDF_TENSORBOARD", raising=False)
    run(tiny_recipe, tmp_path / "run", "train.epochs=1", "visualize=[]")
    assert not (tmp_path / "run" / "tensorboard").exists()


def test_without_tensorboard_the_run_goes_on(
    tiny_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, switched_on: None
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    summary, screen = run(tiny_recipe, tmp_path / "run", "train.epochs=1", "visualize=[]")
    assert summary["epochs_run"] == 1
    assert screen.count("pip install 'heart-detection-framework[tensorboard]'") == 1
    assert not (tmp_path / "run" / "tensorboard").exists()


def test_it_is_a_plugin_like_any_other() -> None:
    registry = discover()
    for event in ("hdf_run_started", "hdf_epoch_finished", "hdf_run_finished"):
        assert len(registry.implementers(event)) == 1
