"""``hdf calibrate`` and ``hdf evaluate`` on a folder of phantoms, as a user types them."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import Result

from hdf.models.file import load_model, read_spec
from hdf.registry.registry import Registry
from hdf_plugins.loaders.phantom import Phantom
from tests.cli.calling import call, refusal
from tests.docs.documentation import section

RECIPE = """\
name: tiny
data:
  loader: {use: phantom, count: 24, size: [64, 64]}
  labels: [heart, left_lung, right_lung]
  image_size: [32, 32]
  split: {folds: 2}
model:
  backbone: {use: vgg11, width: 0.125}
  head: {use: box_regression, hidden: [8]}
train: {epochs: 1, batch_size: 4, precision: float32}
"""
SIDE = 64


@pytest.fixture(scope="module")
def crossval(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished cross-validation."""
    folder = tmp_path_factory.mktemp("crossval")
    (folder / "tiny.yaml").write_text(RECIPE)
    done = call("crossval", folder / "tiny.yaml", "--out", folder / "out")
    assert done.exit_code == 0, done.output
    return folder / "out"


@pytest.fixture(scope="module")
def hospital(crossval: Path) -> Path:
    """The images and boxes that fold 0 was not trained on, and one image without boxes."""
    folder = crossval.parent / "hospital"
    (folder / "images").mkdir(parents=True)
    held_out = {row["image"] for row in rows(crossval / "fold-0" / "matches.csv")}
    lines = ["name,x_min,y_min,x_max,y_max,label"]
    for sample in Phantom(count=24, size=(SIDE, SIDE)).records():
        target = sample.target
        if sample.id not in held_out or target is None:
            continue
        np.save(folder / "images" / f"{sample.id}.npy", sample.read()[0].numpy())
        lines += [
            f"{sample.id},{','.join(map(str, box.tolist()))},{label}"
            for box, label in zip(target.boxes, target.labels, strict=True)
        ]
    np.save(folder / "images" / "unlabelled.npy", np.zeros((SIDE, SIDE), np.float32))
    (folder / "boxes.csv").write_text("\n".join(lines) + "\n")
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def evaluate(model: Path, hospital: Path, out: Path, *more: str) -> tuple[dict[str, Any], Result]:
    data = ("--images", hospital / "images", "--table", hospital / "boxes.csv")
    done = call("evaluate", "--model", model, *data, "--out", out, *more)
    assert done.exit_code == 0, done.output
    return json.loads((out / "summary.json").read_text()), done


def test_a_run_s_model_scores_on_its_validation_images_as_in_the_run(
    crossval: Path, hospital: Path, tmp_path: Path
) -> None:
    summary, done = evaluate(crossval / "fold-0", hospital, tmp_path / "out")
    run = json.loads((crossval / "fold-0" / "summary.json").read_text())["metrics"]["val"]
    scores = summary["metrics"]["val"]
    assert summary["dataset"] == {"val": 12}
    assert scores["iou_mean"] == pytest.approx(run["iou_mean"], abs=0.01)
    assert scores["ratio"]["mae"] == pytest.approx(run["ratio"]["mae"], abs=0.01)
    assert set(scores["labels"]) == {"heart", "left_lung", "right_lung"}
    assert "coverage" not in scores
    assert "the mean box of this very table" in done.stderr
    assert done.stdout.splitlines()[1].startswith("all ")
    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "environment.json",
        "log.txt",
        "matches.csv",
        "predictions.csv",
        "report.html",
        "status.json",
        "summary.json",
    }


def test_the_constant_box_is_the_mean_of_the_table(
    crossval: Path, hospital: Path, tmp_path: Path
) -> None:
    evaluate(crossval / "fold-0", hospital, tmp_path / "out")
    hearts = [row for row in rows(tmp_path / "out" / "matches.csv") if row["label"] == "heart"]
    for edge in ("x0", "y0", "x1", "y1"):
        errors = [float(row[f"constant_error_{edge}"]) for row in hearts]
        assert np.mean(errors) == pytest.approx(0, abs=1e-4)
        mean = {
            round(float(row[f"true_{edge}"]) + error, 3)
            for row, error in zip(hearts, errors, strict=True)
        }
        assert len(mean) == 1


def test_a_calibrated_model_says_how_often_its_boxes_hold_the_truth(
    crossval: Path, hospital: Path, tmp_path: Path, registry: Registry
) -> None:
    model, new = crossval / "fold-0" / "best.safetensors", tmp_path / "new.safetensors"
    before = model.read_bytes()
    done = call("calibrate", model, crossval, "--out", new)
    assert done.exit_code == 0, done.output
    assert done.stderr == ""
    assert model.read_bytes() == before
    written = json.loads((crossval / "calibration.json").read_text())
    calibration = read_spec(new).calibration
    assert calibration is not None
    assert calibration.levels == tuple(written["levels"])
    assert calibration.edges["heart"] == tuple(written["edges"]["heart"])
    weights = load_model(model, registry).state_dict()
    for name, value in load_model(new, registry).state_dict().items():
        assert value.equal(weights[name])

    summary, shown = evaluate(new, hospital, tmp_path / "out", "--json")
    assert json.loads(shown.stdout) == summary
    coverage = summary["metrics"]["val"]["coverage"]
    assert coverage["level"] == 0.9
    assert coverage["labels"]["heart"]["n"] == coverage["ratio"]["n"] == 12
    assert "calibrated to 90%, heart: holds the truth in" in shown.stderr


def test_a_model_is_calibrated_in_place(crossval: Path, tmp_path: Path) -> None:
    model = tmp_path / "model.safetensors"
    shutil.copy(crossval / "fold-1" / "best.safetensors", model)
    for _ in range(2):  # a calibration that is there gives way
        assert call("calibrate", model, crossval).exit_code == 0
    assert read_spec(model).calibration is not None
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]


def test_another_head_or_other_labels_are_refused(crossval: Path, tmp_path: Path) -> None:
    model = crossval / "fold-0" / "best.safetensors"
    other = tmp_path / "other"
    other.mkdir()
    shutil.copy(crossval / "calibration.json", other)
    resolved = (crossval / "resolved.yaml").read_text()
    for old, new, message in (
        ("loss: mse", "loss: giou", "was measured with another model.head"),
        ("[heart, left_lung, right_lung]", "[heart]", "was measured with another data.labels"),
    ):
        assert old in resolved
        (other / "resolved.yaml").write_text(resolved.replace(old, new))
        assert message in refusal("calibrate", model, other, "--out", tmp_path / "new")
    (other / "resolved.yaml").write_text(resolved.replace("width: 0.125", "width: 0.25"))
    done = call("calibrate", model, other, "--out", tmp_path / "new")
    assert done.exit_code == 0
    assert "warning: another backbone: " in done.stderr


def test_what_can_t_be_calibrated_is_told(crossval: Path, tmp_path: Path) -> None:
    model = crossval / "fold-0" / "best.safetensors"
    assert "holds no calibration.json" in refusal("calibrate", model, crossval / "fold-0")
    (tmp_path / "calibration.json").write_text('{"levels": [2.0], "edges": {}}')
    assert "is not a calibration that hdf wrote" in refusal("calibrate", model, tmp_path)
    assert "contains several models" in refusal("calibrate", crossval, crossval)
    assert "exists; give another path" in refusal("calibrate", model, crossval, "--out", model)


def test_folds_answer_together_with_their_calibration(
    crossval: Path, hospital: Path, tmp_path: Path
) -> None:
    summary, _ = evaluate(crossval, hospital, tmp_path / "out")
    assert len(summary["models"]) == 2
    assert "coverage" in summary["metrics"]["val"]


def test_faults_of_the_folder_are_told_at_once_and_leave_no_folder(
    crossval: Path, hospital: Path, tmp_path: Path
) -> None:
    model, out = crossval / "fold-0", tmp_path / "out"
    images = ("--images", hospital / "images")
    (tmp_path / "bad.csv").write_text(
        (hospital / "boxes.csv").read_text()
        + "gone,1,1,5,5,heart\nunlabelled,40,40,90,50,heart\nunlabelled,1,1,90,5,left_lung\n"
    )
    told = refusal("evaluate", "--model", model, *images, "--table", tmp_path / "bad.csv")
    assert "there is no image 'gone'" in told
    (tmp_path / "far.csv").write_text(
        "name,x_min,y_min,x_max,y_max,label\nunlabelled,40,40,90,50,heart\n"
    )
    far = ("--table", tmp_path / "far.csv", "--out", out)
    assert "reaches outside its image" in refusal("evaluate", "--model", model, *images, *far)
    (tmp_path / "spleen.csv").write_text(
        "name,x_min,y_min,x_max,y_max,label\nunlabelled,4,4,9,9,spleen\n"
    )
    spleen = ("--table", tmp_path / "spleen.csv", "--out", out)
    told = refusal("evaluate", "--model", model, *images, *spleen)
    assert "no box of what the model finds (heart, left_lung, right_lung)" in told
    assert "its labels are: spleen" in told
    assert not out.exists()


def test_folders_are_named_after_the_model(
    crossval: Path, hospital: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs" / "tiny").mkdir(parents=True)
    shutil.copytree(crossval / "fold-0", tmp_path / "runs" / "tiny" / "now")
    shutil.copy(crossval / "fold-0" / "best.safetensors", tmp_path / "good.safetensors")
    data = ("--images", hospital / "images", "--table", hospital / "boxes.csv")
    for model in ("runs/tiny/now", "good.safetensors"):
        assert call("evaluate", "--model", model, *data).exit_code == 0
    assert {path.name for path in (tmp_path / "evaluations").iterdir()} == {"tiny", "good"}


def test_every_key_is_documented(crossval: Path, hospital: Path, tmp_path: Path) -> None:
    summary, _ = evaluate(crossval / "fold-0", hospital, tmp_path / "out")
    text = section("evaluation.md", "## A labelled folder")
    assert all(f"| `{key}` |" in text for key in summary)
    ratio = section("evaluation.md", "## The cardiothoracic ratio")
    assert all(f"`{key}`" in ratio for key in summary["metrics"]["val"]["ratio"])
    written = json.loads((crossval / "calibration.json").read_text())
    calibration = section("evaluation.md", "## Calibration")
    assert all(f"| `{key}` |" in calibration for key in written)
    pooled = json.loads((crossval / "summary.json").read_text())["metrics"]["val"]["coverage"]
    coverage = section("run-folder.md", "### Coverage, in a cross-validation's metrics")
    parts = [pooled, *pooled["labels"].values(), pooled["ratio"]]
    assert all(f"`{key}`" in coverage for part in parts for key in part)
