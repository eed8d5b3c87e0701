"""The whole job on tiny phantoms: files, determinism, choosing weights, faults, events."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console

from hdf.console.progress import Reporter
from hdf.errors import UserError
from hdf.models.file import load_model
from hdf.recipe.check import check_recipe
from hdf.recipe.merge import resolve
from hdf.registry.registry import Registry, discover
from hdf.runs.run_folder import choose_folder
from hdf.training.run import run_recipe
from hdf.training.trainer import Trainer
from tests.conftest import read_jsonl


def run(
    recipe: Path, out: Path, *overrides: str, registry: Registry | None = None
) -> tuple[dict[str, Any], str]:
    registry = registry or discover()
    checked = check_recipe(resolve(recipe, list(overrides)), registry)
    screen = io.StringIO()
    folder = choose_folder(checked.recipe.name, out, overwrite=True)
    summary = run_recipe(checked, registry, folder, Reporter(Console(file=screen, width=1000)))
    return summary, screen.getvalue()


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_run_folder_is_complete(tiny_recipe: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    summary, screen = run(tiny_recipe, out)
    files = {str(path.relative_to(out)) for path in out.rglob("*") if path.is_file()}
    assert files == {
        "recipe.yaml",
        "resolved.yaml",
        "environment.json",
        "report.html",
        "split.csv",
        "status.json",
        "summary.json",
        "log.txt",
        "metrics.jsonl",
        "timing.jsonl",
        "predictions.csv",
        "matches.csv",
        "skipped.csv",
        "best.safetensors",
        "figures/overlay.png",
        "figures/curves.png",
        "lock",
        *(
            f"checkpoints/{name}/{file}"
            for name in ("last", "previous")
            for file in ("model.safetensors", "state.pt", "checksums.json")
        ),
    }
    assert json.loads((out / "summary.json").read_text()) == summary
    assert json.loads((out / "status.json").read_text())["status"] == "finished"
    assert (out / "recipe.yaml").read_bytes() == tiny_recipe.read_bytes()
    assert (out / "log.txt").read_text() == screen
    state = torch.load(out / "checkpoints/last/state.pt", weights_only=True)
    assert (state["epoch"], state["step"]) == (2, 4)


def test_the_checkpoint_before_the_last_is_kept(tiny_recipe: Path, tmp_path: Path) -> None:
    run(tiny_recipe, tmp_path / "run")
    for name, epoch in {"previous": 1, "last": 2}.items():
        folder = tmp_path / "run" / "checkpoints" / name
        assert torch.load(folder / "state.pt", weights_only=True)["epoch"] == epoch
        assert (folder / "model.safetensors").exists()


def test_the_summary_says_what_was_done(tiny_recipe: Path, tmp_path: Path) -> None:
    summary, _ = run(tiny_recipe, tmp_path / "run")
    assert summary["dataset"] == {"train": 8, "val": 2}
    assert (summary["recipe"], summary["seed"]) == ("tiny", 0)
    assert (summary["device"], summary["precision"]) == ("cpu", "float32")
    scores = summary["metrics"]["val"]
    assert {"iou_mean", "iou_median", "iou_at_50", "iou_at_75", "constant_box_iou"} <= set(scores)
    assert len(scores["edge_error_px"]) == 4
    assert summary["timing"]["seconds"] > 0
    assert summary["weights"] == str(tmp_path / "run" / "best.safetensors")


def test_metrics_predictions_and_model_agree(
    tiny_recipe: Path, tmp_path: Path, registry: Registry
) -> None:
    out = tmp_path / "run"
    summary, _ = run(tiny_recipe, out)
    lines = read_jsonl(out / "metrics.jsonl")
    assert [line["epoch"] for line in lines] == [1, 2]
    scores = summary["metrics"]["val"]
    assert lines[-1]["iou_mean"] == pytest.approx(scores["iou_mean"])
    assert lines[-1]["constant_box_iou"] == pytest.approx(scores["constant_box_iou"])
    with (out / "predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    mean = sum(float(row["iou"]) for row in rows) / len(rows)
    assert mean == pytest.approx(scores["iou_mean"], abs=1e-4)
    detector = load_model(out / "best.safetensors", registry)
    last = load_model(out / "checkpoints/last/model.safetensors", registry)
    for name, value in detector.state_dict().items():
        assert torch.equal(value, last.state_dict()[name])


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_same_seed_gives_the_same_run(
    tiny_recipe: Path, tmp_path: Path, precision: str
) -> None:
    change = f"train.precision={precision}"
    dropout = "model.head.dropout=0.3"
    for name in ("first", "second"):
        run(tiny_recipe, tmp_path / name, change, dropout)
        torch.rand(3)
    run(tiny_recipe, tmp_path / "other", change, dropout, "seed=1")
    for file in ("metrics.jsonl", "best.safetensors", "predictions.csv"):
        first = digest(tmp_path / "first" / file)
        assert digest(tmp_path / "second" / file) == first
        assert digest(tmp_path / "other" / file) != first


def test_the_resolved_recipe_reproduces_the_run(tiny_recipe: Path, tmp_path: Path) -> None:
    run(tiny_recipe, tmp_path / "first", "seed=7", "train.optimizer.lr=0.01")
    run(tmp_path / "first" / "resolved.yaml", tmp_path / "second")
    for file in ("metrics.jsonl", "best.safetensors"):
        assert digest(tmp_path / "first" / file) == digest(tmp_path / "second" / file)


def test_an_inner_split_chooses_the_best_epoch(
    tiny_recipe: Path, tmp_path: Path, registry: Registry
) -> None:
    out = tmp_path / "run"
    overrides = ("data.split.inner=0.25", "train.epochs=4", "train.optimizer.lr=0.05")
    summary, _ = run(tiny_recipe, out, *overrides)
    lines = read_jsonl(out / "metrics.jsonl")
    best = max(lines, key=lambda line: line["inner_iou_mean"])
    assert summary["metrics"]["val"]["iou_mean"] == pytest.approx(best["iou_mean"])
    assert summary["dataset"] == {"train": 6, "val": 2}


def test_a_run_without_augmentation_and_pictures(tiny_recipe: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    run(tiny_recipe, out, "augment=[]", "visualize=[]", "train.epochs=1")
    assert not list((out / "figures").iterdir())


@pytest.mark.parametrize("bounds", ["rectangle", "mask"])
def test_other_box_bounds(tiny_recipe: Path, tmp_path: Path, bounds: str) -> None:
    run(tiny_recipe, tmp_path / "run", f"data.box_bounds={bounds}", "train.epochs=1")


def test_three_structures_at_once(tiny_recipe: Path, tmp_path: Path) -> None:
    labels = "data.labels=[heart, left_lung, right_lung]"
    summary, _ = run(tiny_recipe, tmp_path / "run", labels)
    assert set(summary["metrics"]["val"]["labels"]) == {"heart", "left_lung", "right_lung"}
    rows = (tmp_path / "run" / "predictions.csv").read_text().splitlines()
    assert len(rows) == 1 + 2 * 3


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.loader.count=0", "count"),
        ("data.labels=[spleen]", "no image has a box for data.labels spleen"),
        ("data.loader.count=1", "the split leaves nothing for training"),
        ("augment=[{use: affine, degrees: -4}]", "affine"),
        ("model.backbone.width=0.0", "width"),
        ("model.backbone={use: vgg16, weights: nowhere.pth}", "nowhere.pth"),
        ("data.loader={use: csv_boxes, images: nowhere, table: nowhere.csv}", "nowhere"),
    ],
)
def test_mistakes_leave_no_folder(
    tiny_recipe: Path, tmp_path: Path, override: str, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        run(tiny_recipe, tmp_path / "run", override)
    assert not (tmp_path / "run").exists()


def test_a_replaced_run_survives_a_mistake_in_the_new_one(
    tiny_recipe: Path, tmp_path: Path
) -> None:
    run(tiny_recipe, tmp_path / "run", "train.epochs=1")
    with pytest.raises(UserError):
        run(tiny_recipe, tmp_path / "run", "data.loader.count=0")
    assert (tmp_path / "run" / "summary.json").exists()


def test_an_inner_side_without_a_box_is_told(tiny_recipe: Path, tmp_path: Path) -> None:
    (tmp_path / "boxless.py").write_text(
        "import torch, hdf\n"
        "def image(): return torch.zeros(1, 32, 32)\n"
        "class Boxless:\n"
        "    def records(self):\n"
        "        box = hdf.Target(torch.tensor([[4.0, 4, 20, 20]]), ('heart',))\n"
        "        return [hdf.Sample(str(n), image, box if n in (0, 1) else None)"
        " for n in range(40)]\n"
        "@hdf.hookimpl\ndef hdf_loaders(register): register('boxless', Boxless)\n"
    )
    registry = discover(tmp_path)
    changes = ("data.loader={use: boxless}", "data.split={val: 0.3, inner: 0.1}")
    with pytest.raises(UserError, match=r"\(data.split\): no image of the .* side has a box"):
        run(tiny_recipe, tmp_path / "run", *changes, registry=registry)


def test_complaints_of_all_components_come_at_once(tiny_recipe: Path, tmp_path: Path) -> None:
    changes = (
        "data.loader.count=0",
        "augment=[{use: affine, degrees: -4}, {use: gamma, gamma: [2.0, 1.0]}]",
        "visualize=[{use: overlay, count: 0}]",
    )
    with pytest.raises(UserError) as caught:
        run(tiny_recipe, tmp_path / "run", *changes)
    assert len(caught.value.problems) == 4


PLUGIN = """
import json
import hdf

class Explodes:
    when = "epoch"
    def draw(self, view, folder):
        raise RuntimeError("no ink")

class Shapeless:
    pass

@hdf.hookimpl
def hdf_visualizers(register):
    register("explodes", Explodes)
    register("shapeless", Shapeless)

@hdf.hookimpl
def hdf_run_started(run):
    raise RuntimeError("not ready")

@hdf.hookimpl
def hdf_epoch_finished(run, epoch, metrics):
    with (run.folder.path / "tracked.jsonl").open("a") as file:
        file.write(json.dumps({"epoch": epoch, "iou": metrics["iou_mean"]}) + "\\n")

@hdf.hookimpl
def hdf_run_finished(run, summary):
    (run.folder.path / "tracked.json").write_text(json.dumps(summary))
"""


@pytest.fixture
def tracking(tmp_path: Path) -> Registry:
    folder = tmp_path / "plugins"
    folder.mkdir()
    (folder / "tracking.py").write_text(PLUGIN)
    return discover(folder)


def test_plugins_hear_of_the_run(tiny_recipe: Path, tmp_path: Path, tracking: Registry) -> None:
    out = tmp_path / "run"
    summary, _ = run(tiny_recipe, out, registry=tracking)
    assert json.loads((out / "tracked.json").read_text()) == summary
    assert [line["epoch"] for line in read_jsonl(out / "tracked.jsonl")] == [1, 2]


def test_plugins_that_raise_are_reported_and_stop_nothing(
    tiny_recipe: Path, tmp_path: Path, tracking: Registry
) -> None:
    out = tmp_path / "run"
    change = "visualize=[{use: explodes}, {use: curves}]"
    _, screen = run(tiny_recipe, out, change, registry=tracking)
    assert "tracking failed in hdf_run_started: RuntimeError: not ready" in screen
    assert "visualizer Explodes failed: RuntimeError: no ink" in screen
    assert "Traceback" not in screen
    assert "Traceback" in (out / "log.txt").read_text()
    assert (out / "figures" / "curves.png").exists()
    assert json.loads((out / "status.json").read_text())["status"] == "finished"


def test_a_visualizer_without_its_contract_is_told(
    tiny_recipe: Path, tmp_path: Path, tracking: Registry
) -> None:
    with pytest.raises(UserError, match=r"visualizer 'shapeless' of .* lacks draw, when"):
        run(tiny_recipe, tmp_path / "run", "visualize=[{use: shapeless}]", registry=tracking)


def test_a_loss_that_is_not_finite_stops_the_run(tiny_recipe: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with pytest.raises(UserError, match=r"loss is .* try 100"):
        run(tiny_recipe, out, "train.optimizer={use: sgd, lr: 1000.0}", "train.epochs=9")
    status = json.loads((out / "status.json").read_text())
    assert status["status"] == "failed"
    assert "loss is" in status["reason"]


def test_the_start_is_scored_and_the_time_told(tiny_recipe: Path, tmp_path: Path) -> None:
    summary, screen = run(
        tiny_recipe, tmp_path / "run", "visualize=[]", "train.batch_size=1", "train.epochs=3"
    )
    start, forecast = (
        next(line for line in screen.splitlines() if part in line)
        for part in ("before the first step", "in all, until ")
    )
    assert start == f"IoU {summary['iou_before_first_step']:.3f} before the first step"
    assert screen.index(start) < screen.index(forecast) < screen.index("epoch 3/3")
    assert screen.count("in all") == 1


def test_scoring_the_start_changes_no_bit(
    tiny_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = (
        "visualize=[]",
        "train.ema=0.8",
        "model.backbone={use: vgg11, width: 0.125, batch_norm: true}",
        "model.head.dropout=0.3",
    )
    run(tiny_recipe, tmp_path / "scored", *changes)
    monkeypatch.setattr(Trainer, "_look_before", lambda trainer: None)
    run(tiny_recipe, tmp_path / "plain", *changes)
    for file in ("best.safetensors", "metrics.jsonl", "predictions.csv"):
        assert digest(tmp_path / "scored" / file) == digest(tmp_path / "plain" / file)
