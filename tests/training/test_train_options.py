"""Runs on tiny phantoms with the options of ``train`` beyond the optimiser and its schedule."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from hdf.errors import UserError
from hdf.models.file import load_model
from hdf.registry.registry import Registry, discover
from tests.conftest import read_jsonl
from tests.training.test_run import run

PLAIN = ("augment=[]", "visualize=[]")
BATCH_NORM = "model.backbone={use: vgg11, width: 0.125, batch_norm: true, freeze: 2}"


def test_an_average_is_evaluated_and_saved_and_the_weights_kept(
    tiny_recipe: Path, tmp_path: Path, registry: Registry
) -> None:
    out = tmp_path / "run"
    changes = ("train.ema=0.9", "train.optimizer.lr=0.01", "train.epochs=4", BATCH_NORM)
    summary, _ = run(tiny_recipe, out, *changes, *PLAIN)
    average = load_model(out / "best.safetensors", registry).state_dict()
    last = load_model(out / "checkpoints/last/model.safetensors", registry).state_dict()
    weights = torch.load(out / "checkpoints/last/state.pt", weights_only=True)["weights"]
    assert set(average) == set(weights)
    for name, value in average.items():
        assert torch.equal(value, last[name])
        same = torch.equal(value, weights[name])
        fixed = name.startswith(("backbone.features.0", "backbone.features.1.", "head.mean"))
        assert same or not fixed, name
    assert not torch.equal(average["head.layers.0.weight"], weights["head.layers.0.weight"])
    running = [n for n in average if n.endswith("running_var")]
    assert not torch.equal(average[running[-1]], weights[running[-1]])
    lines = read_jsonl(out / "metrics.jsonl")
    assert lines[-1]["iou_mean"] == pytest.approx(summary["metrics"]["val"]["iou_mean"])


def test_an_average_changes_the_scores_and_not_the_learning(
    tiny_recipe: Path, tmp_path: Path
) -> None:
    for name, ema in {"without": 0.0, "with": 0.9}.items():
        run(tiny_recipe, tmp_path / name, f"train.ema={ema}", "model.head.dropout=0.3", *PLAIN)
    without, averaged = (
        read_jsonl(tmp_path / name / "metrics.jsonl") for name in ("without", "with")
    )
    assert [line["train_loss"] for line in without] == [line["train_loss"] for line in averaged]
    assert without[-1]["val_loss"] != averaged[-1]["val_loss"]
    state = torch.load(tmp_path / "without/checkpoints/last/state.pt", weights_only=True)
    assert "weights" not in state


def test_plugins_and_pictures_see_the_average(tiny_recipe: Path, tmp_path: Path) -> None:
    (tmp_path / "look.py").write_text(
        "import hdf\n"
        "from hdf.models.file import save_model\n"
        "class Look:\n"
        "    when = 'epoch'\n"
        "    def draw(self, view, folder):\n"
        "        save_model(view.detector, folder / 'seen.safetensors')\n"
        "        return []\n"
        "@hdf.hookimpl\ndef hdf_visualizers(register): register('look', Look)\n"
    )
    out = tmp_path / "run"
    changes = ("train.ema=0.9", "visualize=[{use: look}]", "augment=[]")
    run(tiny_recipe, out, *changes, registry=discover(tmp_path))
    seen = (out / "figures" / "epoch-002" / "seen.safetensors").read_bytes()
    assert seen == (out / "best.safetensors").read_bytes()


def test_a_clipped_gradient_moves_weights_less(tiny_recipe: Path, tmp_path: Path) -> None:
    changes = ("train.optimizer={use: sgd, lr: 0.1, momentum: 0.0}", "train.epochs=1", *PLAIN)
    start: dict[str, torch.Tensor] = {}
    moved = []
    for norm in ("null", "1.0e-3", "1.0e+6"):
        out = tmp_path / norm
        run(tiny_recipe, out, *changes, f"train.clip_norm={norm}", "train.ema=0.0")
        start = start or _start(tiny_recipe, tmp_path, *changes)
        end = torch.load(out / "checkpoints/last/state.pt", weights_only=True)
        assert end["step"] == 2
        model = load_model(out / "best.safetensors", discover()).state_dict()
        moved.append(sum(float((model[n] - start[n]).square().sum()) for n in start) ** 0.5)
    free, clipped, loose = moved
    assert clipped <= 2 * 0.1 * 1e-3 * 1.01
    assert loose == free > 10 * clipped
    assert "grad_norm" not in read_jsonl(tmp_path / "null" / "metrics.jsonl")[0]
    tight, wide = (
        read_jsonl(tmp_path / norm / "metrics.jsonl")[0]["grad_norm"]
        for norm in ("1.0e-3", "1.0e+6")
    )
    assert tight > 1e-3  # the norm before it was clipped
    assert wide > 1e-3


def _start(recipe: Path, folder: Path, *changes: str) -> dict[str, torch.Tensor]:
    """The weights before training: after one step at a rate too small to change them."""
    run(recipe, folder / "start", *changes, "train.optimizer.lr=1.0e-30")
    return load_model(folder / "start" / "best.safetensors", discover()).state_dict()


def test_the_backbone_s_rate_leaves_the_head_s_alone(tiny_recipe: Path, tmp_path: Path) -> None:
    changes = ("train.backbone_lr=0.5", "train.layer_decay=0.5", "train.epochs=1", *PLAIN)
    run(tiny_recipe, tmp_path / "run", *changes)
    state = torch.load(tmp_path / "run/checkpoints/last/state.pt", weights_only=True)
    rates = [group["lr"] / 1e-4 for group in state["optimizer"]["param_groups"]]
    assert rates == pytest.approx([1, 1 / 32, 1 / 16, 1 / 8, 1 / 4, 1 / 2])
    assert read_jsonl(tmp_path / "run" / "metrics.jsonl")[0]["lr"] == 1e-4


def test_stages_that_can_t_be_had_are_blamed_on_the_backbone(
    tiny_recipe: Path, tmp_path: Path
) -> None:
    (tmp_path / "odd.py").write_text(
        "import hdf\n"
        "from hdf_plugins.backbones.vgg import VGG11\n"
        "class Odd(VGG11):\n"
        "    def stages(self): return [1, 2]\n"
        "@hdf.hookimpl\ndef hdf_backbones(register): register('odd', Odd)\n"
    )
    change = "model.backbone={use: odd, width: 0.125}"
    with pytest.raises(UserError, match=r"backbone .odd. .*: stages fails: AttributeError"):
        run(tiny_recipe, tmp_path / "run", change, registry=discover(tmp_path))


@pytest.mark.parametrize("metric", ["inner_iou_mean", "inner_loss"])
def test_patience_ends_a_run_with_its_best_weights(
    tiny_recipe: Path, tmp_path: Path, metric: str
) -> None:
    out = tmp_path / "run"
    stopping = f"train.early_stopping={{metric: {metric}, patience: 2}}"
    split, rate = "data.split.inner=0.25", "train.optimizer.lr=0.03"
    summary, _ = run(tiny_recipe, out, stopping, split, rate, "train.epochs=60", *PLAIN)
    lines = read_jsonl(out / "metrics.jsonl")
    sign = -1 if metric == "inner_loss" else 1
    best = max(lines, key=lambda line: sign * line[metric])
    assert summary["epochs_run"] == len(lines) == best["epoch"] + 2 < 60
    assert summary["stopped_early"]
    assert summary["metrics"]["val"]["iou_mean"] == pytest.approx(best["iou_mean"])
    state = torch.load(out / "checkpoints/last/state.pt", weights_only=True)
    assert state["epoch"] == len(lines)


def test_only_some_epochs_validate(tiny_recipe: Path, tmp_path: Path) -> None:
    changes = ("train.validate_every=3", "train.epochs=5", "data.split.inner=0.25", "augment=[]")
    summary, screen = run(tiny_recipe, tmp_path / "some", *changes)
    run(tiny_recipe, tmp_path / "all", *changes, "train.validate_every=1")
    some, every = (read_jsonl(tmp_path / name / "metrics.jsonl") for name in ("some", "all"))
    assert [line["epoch"] for line in some if "iou_mean" in line] == [3, 5]
    assert [line["epoch"] for line in some if "inner_loss" in line] == [3, 5]
    for line, full in zip(some, every, strict=True):
        assert line == {name: full[name] for name in line}  # looking changes nothing
    assert (tmp_path / "some" / "figures" / "curves.png").exists()
    assert (summary["epochs_run"], summary["stopped_early"]) == (5, False)
    assert screen.count("validation loss") == 2


def test_a_state_is_saved_after_an_epoch_that_does_not_validate(
    tiny_recipe: Path, tmp_path: Path
) -> None:
    run(tiny_recipe, tmp_path / "run", "train.validate_every=9", "train.ema=0.5", *PLAIN)
    previous = tmp_path / "run" / "checkpoints" / "previous"
    assert torch.load(previous / "state.pt", weights_only=True)["epoch"] == 1
