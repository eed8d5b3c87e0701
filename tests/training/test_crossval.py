"""Cross-validation on tiny phantoms: pooled figures, folds as ordinary runs, going on."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter
from rich.console import Console
from torchmetrics.detection import MeanAveragePrecision

from hdf.boxes import mask_bounds
from hdf.console.progress import Reporter
from hdf.errors import UserError
from hdf.models.calibration import Calibration
from hdf.recipe.check import check_recipe
from hdf.recipe.merge import resolve
from hdf.registry.registry import Registry, discover
from hdf.runs.run_folder import choose_folder
from hdf.training import crossval, finish
from hdf.training.crossval import choose_crossval_folder, cross_validate, folds_of
from hdf.training.run import run_recipe
from hdf_plugins.loaders import phantom

RECIPE = """\
name: tiny
data:
  loader:
    use: concat
    sources:
      east: {use: phantom, count: 8, size: [64, 64], seed: 1}
      west: {use: phantom, count: 5, size: [64, 64], seed: 2}
  labels: [heart, left_lung]
  image_size: [32, 32]
  split: {folds: 3}
model:
  backbone: {use: vgg11, width: 0.125}
  head: {use: box_regression, hidden: [8]}
train: {epochs: 1, batch_size: 4, precision: float32}
"""


BLIND = """\
import hdf
from hdf.types import Detections
from hdf_plugins.heads.box_regression import BoxRegression
import torch
class Blind(BoxRegression):
    def decode(self, raw, size):
        none = torch.zeros(0)
        return [Detections(none.view(0, 4), none.long(), none) for _ in raw]
@hdf.hookimpl
def hdf_heads(register):
    register("blind", Blind)
"""


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recipe") / "tiny.yaml"
    path.write_text(RECIPE)
    return path


def validate(
    recipe: Path, out: Path, *overrides: str, overwrite: bool = False, registry: Registry
) -> tuple[dict[str, Any], str]:
    checked = check_recipe(resolve(recipe, list(overrides)), registry)
    folder = choose_crossval_folder(folds_of(checked), out, overwrite)
    screen = io.StringIO()
    return cross_validate(registry, folder, Reporter(Console(file=screen, width=1000))), (
        screen.getvalue()
    )


@pytest.fixture(scope="module")
def finished(
    recipe: Path, tmp_path_factory: pytest.TempPathFactory, registry: Registry
) -> tuple[Path, dict[str, Any]]:
    out = tmp_path_factory.mktemp("finished") / "out"
    summary, _ = validate(recipe, out, registry=registry)
    return out, summary


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def status(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "status.json").read_text())
    return found


def test_the_folder_is_complete(finished: tuple[Path, dict[str, Any]]) -> None:
    out, summary = finished
    assert {path.name for path in out.iterdir()} == {
        "calibration.json",
        "fold-0",
        "fold-1",
        "fold-2",
        "lock",
        "log.txt",
        "matches.csv",
        "predictions.csv",
        "recipe.yaml",
        "report.html",
        "resolved.yaml",
        "status.json",
        "summary.json",
    }
    assert json.loads((out / "summary.json").read_text()) == summary
    assert (status(out)["status"], status(out)["folds"]) == ("finished", 3)
    assert "fold 2: mean IoU" in (out / "log.txt").read_text()


def test_every_image_is_predicted_once_by_a_fold_that_did_not_train_on_it(
    finished: tuple[Path, dict[str, Any]],
) -> None:
    out, summary = finished
    rows = table(out / "predictions.csv")
    assert len({row["image"] for row in rows}) == summary["dataset"]["val"] == 13
    assert len(rows) == 2 * 13
    for row in rows:
        sides = {r["image"]: r["split"] for r in table(out / f"fold-{row['fold']}" / "split.csv")}
        assert sides[row["image"]] == "val"


def test_pooled_figures_are_those_counted_by_hand(
    finished: tuple[Path, dict[str, Any]],
) -> None:
    out, summary = finished
    rows = [row for n in range(3) for row in table(out / f"fold-{n}" / "matches.csv")]
    scores = summary["metrics"]["val"]
    ious = np.array([float(row["iou"]) for row in rows])
    constant = np.array([float(row["constant_iou"]) for row in rows])
    assert scores["iou_mean"] == pytest.approx(ious.mean())
    assert scores["iou_median"] == pytest.approx(np.median(ious))
    assert scores["iou_at_50"] == pytest.approx((ious >= 0.5).mean())
    assert scores["constant_box_iou"] == pytest.approx(constant.mean())
    assert scores["above_constant_box"] == pytest.approx((ious - constant).mean())
    for kind, column in {"sources": "source", "labels": "label"}.items():
        names = np.array([row[column] for row in rows])
        assert set(scores[kind]) == set(names)
        for name, part in scores[kind].items():
            assert part["iou_mean"] == pytest.approx(ious[names == name].mean())
            assert part["constant_box_iou"] == pytest.approx(constant[names == name].mean())
    low, high = scores["iou_mean_95"]
    assert low < scores["iou_mean"] < high
    sides = [np.array([float(row[f"true_{edge}"]) for row in rows]) for edge in ("x0", "x1")]
    error = np.abs([float(row["error_x1"]) for row in rows]) / (sides[1] - sides[0])
    assert scores["edge_error_percent"][2] == pytest.approx(100 * error.mean())


def test_pooled_precision_is_that_of_all_predictions(
    finished: tuple[Path, dict[str, Any]],
) -> None:
    out, summary = finished
    metric = MeanAveragePrecision(backend="pycocotools")
    edges = ("x0", "y0", "x1", "y1")
    for row in sorted(table(out / "predictions.csv"), key=lambda row: row["image"]):
        if row["label"] != "heart":
            continue
        box = torch.tensor([[float(row[edge]) for edge in edges]])
        true = torch.tensor([[float(row[f"true_{edge}"]) for edge in edges]])
        score, label = torch.tensor([float(row["score"])]), torch.tensor([0])
        metric.update(
            [{"boxes": box, "scores": score, "labels": label}], [{"boxes": true, "labels": label}]
        )
    expected, heart = metric.compute(), summary["metrics"]["val"]["labels"]["heart"]
    for key, name in {"ap": "map", "ap_50": "map_50", "ap_75": "map_75"}.items():
        assert heart[key] == pytest.approx(float(expected[name]), abs=1e-6)


def test_the_pooled_calibration_is_that_of_all_answers(
    finished: tuple[Path, dict[str, Any]],
) -> None:
    out, _ = finished
    found = TypeAdapter(Calibration).validate_json((out / "calibration.json").read_text())
    rows = table(out / "matches.csv")
    scores: dict[str, list[float]] = {}
    for row in rows:
        error, true = (
            np.array([float(row[f"{name}_{edge}"]) for edge in ("x0", "y0", "x1", "y1")])
            for name in ("error", "true")
        )
        box = true + error
        sides = np.tile(box[2:] - box[:2], 2)
        share = np.array(found.fallback_spread[row["label"]])
        scores.setdefault(row["label"], []).append(np.max(np.abs(error) / (sides * share)))
    assert set(scores) == set(found.edges) == {"heart", "left_lung"}
    assert found.levels == (0.5, 0.6, 0.68, 0.75, 0.8, 0.85, 0.9, 0.925)  # 13 / 14 is 0.9286
    for label, values in scores.items():
        assert found.edges[label][-1] == pytest.approx(max(values), rel=1e-4)
        assert found.edges[label][0] == pytest.approx(sorted(values)[6], rel=1e-4)
    assert found.ratio == ()


def test_the_shown_ious_are_those_of_the_predictions(
    finished: tuple[Path, dict[str, Any]],
) -> None:
    out, _ = finished
    shown = {(r["image"], r["label"]): float(r["iou"]) for r in table(out / "predictions.csv")}
    for row in table(out / "matches.csv"):
        assert shown[row["image"], row["label"]] == pytest.approx(float(row["iou"]), abs=1e-4)


def test_the_figures_of_a_fold_are_those_of_its_run(
    finished: tuple[Path, dict[str, Any]],
) -> None:
    out, summary = finished
    for number, fold in enumerate(summary["folds"]):
        run = json.loads((out / f"fold-{number}" / "summary.json").read_text())
        assert (fold["fold"], fold["metrics"]) == (number, run["metrics"])


def test_a_fold_is_the_ordinary_run(
    finished: tuple[Path, dict[str, Any]], recipe: Path, tmp_path: Path, registry: Registry
) -> None:
    checked = check_recipe(resolve(recipe, ["data.split.fold=2"]), registry)
    folder = choose_folder("tiny", tmp_path / "run", overwrite=False)
    run_recipe(checked, registry, folder, Reporter(Console(file=io.StringIO())))
    for name in ("metrics.jsonl", "predictions.csv", "matches.csv", "resolved.yaml"):
        assert (tmp_path / "run" / name).read_bytes() == (
            finished[0] / "fold-2" / name
        ).read_bytes()


def test_the_constant_box_is_that_of_its_own_fold(
    finished: tuple[Path, dict[str, Any]],
) -> None:
    out, summary = finished
    parts = [fold["metrics"]["val"]["constant_box_iou"] for fold in summary["folds"]]
    weights = [len(table(out / f"fold-{number}" / "matches.csv")) for number in range(3)]
    pooled = summary["metrics"]["val"]["constant_box_iou"]
    assert pooled == pytest.approx(np.average(parts, weights=weights))
    assert len(set(parts)) == 3


class Killed(BaseException):
    """The power goes."""


def kill_in_fold(monkeypatch: pytest.MonkeyPatch, number: int, error: BaseException) -> list[int]:
    """Let training end in one fold; returns the folds that were begun, as they come."""
    begun: list[int] = []

    def run(checked: Any, registry: Any, folder: Any, reporter: Any) -> Any:
        begun.append(checked.recipe.data.split.fold)
        if begun[-1] == number:
            folder.create()
            folder.close()  # as the kernel does
            raise error
        return run_recipe(checked, registry, folder, reporter)

    monkeypatch.setattr(crossval, "run_recipe", run)
    return begun


@pytest.mark.parametrize("error", [Killed(), KeyboardInterrupt()])
def test_one_that_was_stopped_goes_on_with_the_unfinished_fold(
    finished: tuple[Path, dict[str, Any]],
    recipe: Path,
    tmp_path: Path,
    registry: Registry,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
) -> None:
    out = tmp_path / "out"
    with monkeypatch.context() as patch, pytest.raises(type(error)):
        kill_in_fold(patch, 1, error)
        validate(recipe, out, registry=registry)
    expected = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
    assert status(out)["status"] == expected
    assert status(out / "fold-1")["status"] == "running"
    assert f"--out {out}" in (out / "log.txt").read_text()
    (out / "fold-1" / "metrics.jsonl").write_text("half a line")

    begun = kill_in_fold(monkeypatch, -1, error)
    summary, screen = validate(recipe, out, registry=registry)
    assert begun == [1, 2]
    assert "fold 0 (of 3, counted from 0): finished before" in screen
    assert summary["metrics"] == finished[1]["metrics"]
    assert status(out)["status"] == "finished"


@pytest.mark.parametrize("damaged", [False, True])
def test_a_fold_that_was_cut_short_goes_on(
    finished: tuple[Path, dict[str, Any]],
    recipe: Path,
    tmp_path: Path,
    registry: Registry,
    monkeypatch: pytest.MonkeyPatch,
    damaged: bool,
) -> None:
    out = tmp_path / "out"
    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(finish, "learn_doubt", raises)
        validate(recipe, out, registry=registry)
    last = out / "fold-0" / "checkpoints" / "last"
    assert last.exists()
    if damaged:
        (last / "state.pt").write_bytes(b"nonsense")
    summary, screen = validate(recipe, out, registry=registry)
    said = "the run starts again: " if damaged else "going on after epoch 1"
    assert screen.count(said) == 1
    assert "hdf run --resume" not in screen
    assert summary["metrics"] == finished[1]["metrics"]


def raises(run: Any) -> None:
    raise Killed


def test_a_finished_one_is_only_counted_again(
    finished: tuple[Path, dict[str, Any]],
    recipe: Path,
    registry: Registry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    begun = kill_in_fold(monkeypatch, -1, Killed())
    summary, _ = validate(recipe, finished[0], "data.split.fold=1", registry=registry)
    assert begun == []
    assert summary == finished[1]


def test_another_recipe_is_refused_with_the_difference(
    finished: tuple[Path, dict[str, Any]], recipe: Path, registry: Registry
) -> None:
    changes = ("train.epochs=2", "data.loader.sources.west.count=6")
    with pytest.raises(UserError) as caught:
        validate(recipe, finished[0], *changes, registry=registry)
    assert [str(problem) for problem in caught.value.problems][1:] == [
        "data.loader.sources.west.count: 5 there, 6 here",
        "train.epochs: 1 there, 2 here",
    ]
    assert status(finished[0])["status"] == "finished"


def test_overwriting_starts_again(recipe: Path, tmp_path: Path, registry: Registry) -> None:
    small = ("data.split={folds: 2}", "visualize=[]")
    validate(recipe, tmp_path / "out", *small, registry=registry)
    (tmp_path / "out" / "fold-7").mkdir()
    with pytest.raises(UserError):
        mistake = "data.loader.sources.west.count=0"
        validate(recipe, tmp_path / "out", mistake, registry=registry, overwrite=True)
    assert status(tmp_path / "out")["status"] == "finished"
    summary, screen = validate(
        recipe, tmp_path / "out", *small, "seed=1", registry=registry, overwrite=True
    )
    assert summary["seed"] == 1
    assert "finished before" not in screen
    assert not (tmp_path / "out" / "fold-7").exists()


def test_data_that_have_changed_in_between_are_told(
    recipe: Path, tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, small = tmp_path / "out", ("data.split={folds: 2}",)
    validate(recipe, out, *small, registry=registry)
    shutil.rmtree(out / "fold-1")
    monkeypatch.setattr(phantom, "mask_bounds", lambda masks: mask_bounds(masks) + 0.25)
    with pytest.raises(UserError, match="true boxes have changed since fold 0"):
        validate(recipe, out, *small, registry=registry)
    assert status(out)["status"] == "failed"


def test_a_fold_that_was_killed_at_once_is_run_again(
    recipe: Path, tmp_path: Path, registry: Registry
) -> None:
    out, small = tmp_path / "out", ("data.split={folds: 2}", "visualize=[]")
    validate(recipe, out, *small, registry=registry)
    shutil.rmtree(out / "fold-1")
    (out / "fold-1" / "figures").mkdir(parents=True)
    summary, _ = validate(recipe, out, *small, registry=registry)
    assert len(summary["folds"]) == 2


def test_where_no_fold_finds_anything_the_tables_keep_their_columns(
    recipe: Path, tmp_path: Path, finished: tuple[Path, dict[str, Any]]
) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "blind.py").write_text(BLIND)
    changes = ("model.head={use: blind}", "data.labels=[heart]")
    registry = discover(tmp_path / "plugins")
    summary, _ = validate(recipe, tmp_path / "out", *changes, registry=registry)
    assert table(tmp_path / "out" / "predictions.csv") == []
    for name in ("predictions.csv", "matches.csv"):
        usual, found = (
            (folder / name).read_text().partition("\n")[0]
            for folder in (finished[0], tmp_path / "out")
        )
        assert found == usual
    matches = table(tmp_path / "out" / "matches.csv")
    assert len(matches) == 13 and all(row["iou"] == "0" for row in matches)
    assert summary["metrics"]["val"]["iou_mean"] == 0
    assert (tmp_path / "out" / "report.html").is_file()


def test_every_fold_learns_as_the_recipe_says(
    finished: tuple[Path, dict[str, Any]], recipe: Path, tmp_path: Path, registry: Registry
) -> None:
    start = finished[0] / "fold-0" / "best.safetensors"
    options = "ema: 0.9, clip_norm: 1.0, backbone_lr: 0.5, layer_decay: 0.8, validate_every: 2"
    stopping = "early_stopping: {metric: inner_loss, patience: 1}"
    changes = (
        "data.split={folds: 2, inner: 0.3}",
        f"train={{epochs: 5, {options}, {stopping}, init_from: {start}}}",
        "train.optimizer.lr=1.0e-30",  # nothing gets better
    )
    summary, _ = validate(recipe, tmp_path / "out", *changes, registry=registry)
    assert summary["dataset"] == {"val": 13}
    for number in range(2):
        fold = json.loads((tmp_path / "out" / f"fold-{number}" / "summary.json").read_text())
        assert fold["init_from"] == {**fold["init_from"], "from": str(start), "left": []}
        assert (fold["epochs_run"], fold["stopped_early"]) == (4, True)


def test_mistakes_leave_no_folder(recipe: Path, tmp_path: Path, registry: Registry) -> None:
    for change, message in {
        "data.labels=[spleen]": "no image has a box for data.labels spleen",
        "data.split={folds: 14}": "nothing for validation",
        "data.split={val: 0.2}": r"needs a split into folds; try 'data.split=\{folds: 5\}'",
    }.items():
        with pytest.raises(UserError, match=message):
            validate(recipe, tmp_path / "out", change, registry=registry)
        assert not (tmp_path / "out").exists()


def test_other_folders_are_refused(recipe: Path, tmp_path: Path, registry: Registry) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    for overwrite in (False, True):
        with pytest.raises(UserError, match="holds other files"):
            validate(recipe, tmp_path, registry=registry, overwrite=overwrite)
    choose_folder("run", tmp_path / "run", overwrite=False).create()
    with pytest.raises(UserError, match=r"holds a run \(killed\)"):
        validate(recipe, tmp_path / "run", registry=registry)


def test_two_at_once_do_not_share_a_folder(
    recipe: Path, tmp_path: Path, registry: Registry
) -> None:
    folds = folds_of(check_recipe(resolve(recipe, []), discover()))
    first, second = (
        choose_crossval_folder(folds, tmp_path / "out", overwrite=False) for _ in range(2)
    )
    first.create()
    with pytest.raises(UserError, match="another run has begun there"):
        second.create()
    first.close()
    with pytest.raises(UserError, match="another run has begun there"):
        second.create()  # the first has finished meanwhile
    third = choose_crossval_folder(folds, tmp_path / "out", overwrite=False)
    third.create()  # it goes on
    third.close()


def test_ratio_and_coverage_are_pooled(
    recipe: Path, tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    changes = (
        "data.loader={use: phantom, count: 28, size: [64, 64]}",
        "data.labels=[heart, left_lung, right_lung]",
        "data.split={folds: 2}",
    )
    summary, _ = validate(recipe, tmp_path / "out", *changes, registry=registry)
    scores = summary["metrics"]["val"]
    rows = table(tmp_path / "out" / "matches.csv")
    found, true = (
        np.array(
            [
                _ratio([row for row in rows if row["image"] == image], errors)
                for image in dict.fromkeys(row["image"] for row in rows)
            ]
        )
        for errors in (True, False)
    )
    assert scores["ratio"]["n"] == 28
    assert scores["ratio"]["mae"] == pytest.approx(np.abs(found - true).mean(), rel=1e-4)
    parts = [fold["metrics"]["val"]["ratio"] for fold in summary["folds"]]
    for key in ("mae", "constant_box_mae", "bias"):
        assert scores["ratio"][key] == pytest.approx(np.mean([part[key] for part in parts]))
    assert set(scores["coverage"]["labels"]) == {"heart", "left_lung", "right_lung"}
    assert scores["coverage"]["ratio"]["n"] == 28
    assert all(0.5 < part["coverage"] <= 1 for part in scores["coverage"]["labels"].values())


def _ratio(rows: list[dict[str, str]], predicted: bool) -> float:
    """The cardiothoracic ratio of one image's rows of matches.csv."""

    def edge(label: str, name: str) -> float:
        [row] = [row for row in rows if row["label"] == label]
        return float(row[f"true_{name}"]) + predicted * float(row[f"error_{name}"])

    lungs = ("left_lung", "right_lung")
    thorax = max(edge(lung, "x1") for lung in lungs) - min(edge(lung, "x0") for lung in lungs)
    return (edge("heart", "x1") - edge("heart", "x0")) / thorax
