"""docs/run-folder.md names every file of a run, and every key and column in them."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from hdf.cli.main import hdf
from tests.docs.documentation import DOCS, Finished, blocks, section

PAGE = "run-folder.md"
TEXT = (DOCS / PAGE).read_text(encoding="utf-8")
RECIPE = """\
data:
  loader: {use: phantom, count: 12, size: [64, 64]}
  labels: [heart, left_lung]
  image_size: [32, 32]
  split: {val: 0.25, inner: 0.25}
model:
  backbone: {use: vgg11, width: 0.125}
  head: {use: box_regression, hidden: [8]}
train: {epochs: 2, batch_size: 8, clip_norm: 1.0, on_not_finite: skip}
visualize: [{use: curves}]
"""


@pytest.fixture(scope="module")
def inner_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with two labels and an inner split, which writes all that a run may write."""
    folder = tmp_path_factory.mktemp("inner")
    recipe = folder / "inner.yaml"
    recipe.write_text(RECIPE)
    arguments = ["run", str(recipe), "--out", str(folder / "out")]
    result = CliRunner().invoke(hdf, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return folder / "out"


def described(file: str) -> set[str]:
    """The names in backticks from the mention of a file in bold up to the next one."""
    _, found, below = TEXT.partition(f"\n**`{file}`**")
    assert found, f"{PAGE} does not describe {file}"
    return set(re.findall(r"`([^`]+)`", re.split(r"\n\*\*`|\n## ", below)[0]))


def json_lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def listed_files() -> set[str]:
    """The files of the tree at the head of the page."""
    [tree] = [block.text for block in blocks(PAGE) if block.text.startswith("runs/")]
    found = set()
    for line in tree.splitlines()[1:]:
        name = line.strip()
        if not name.endswith("/"):
            found.add(f"checkpoints/{name}" if line.startswith("    ") else name)
    return found


def test_the_tree_is_what_a_run_leaves(inner_run: Path) -> None:
    files = {str(path.relative_to(inner_run)) for path in inner_run.rglob("*") if path.is_file()}
    assert {file for file in files if not file.startswith("figures/")} == listed_files()


def test_every_file_is_described() -> None:
    for file in listed_files() | {"figures/", "checkpoints/last/", "checkpoints/previous/"}:
        name = file if file.endswith("/") else Path(file).name
        assert f"`{name}`" in TEXT.partition("## What the run was")[2]


def test_summary(inner_run: Path) -> None:
    summary = json.loads((inner_run / "summary.json").read_text())
    keys = {*summary, *summary["dataset"], *summary["metrics"], *summary["timing"]}
    assert keys | set(summary["metrics"]["val"]) <= described("summary.json")


@pytest.mark.parametrize("file", ["environment.json", "status.json"])
def test_json(inner_run: Path, file: str) -> None:
    assert set(json.loads((inner_run / file).read_text())) <= described(file)


@pytest.mark.parametrize("file", ["split.csv", "predictions.csv", "matches.csv"])
def test_tables(inner_run: Path, file: str) -> None:
    with (inner_run / file).open(newline="") as lines:
        columns = next(csv.reader(lines))
    rows = re.findall(r"^\| (`.+?) \|", TEXT.partition(f"**`{file}`**")[2], re.MULTILINE)
    documented = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert documented[: len(columns)] == columns


def test_metrics(inner_run: Path) -> None:
    terms = {"train_mse"}
    prose = {"train_", "best", "diff", "train.clip_norm", "train.early_stopping"}
    prose |= {"train.validate_every", "train.on_not_finite: skip"}
    for line in json_lines(inner_run / "metrics.jsonl"):
        assert set(line) - terms == described("metrics.jsonl") - prose - terms


def test_timing(inner_run: Path) -> None:
    for line in json_lines(inner_run / "timing.jsonl"):
        assert set(line) == described("timing.jsonl")


def test_a_run_without_an_inner_split_has_no_such_key(tutorial: Finished) -> None:
    assert "inner_iou_mean" not in json_lines(tutorial.folder / "metrics.jsonl")[0]


def test_the_resolved_recipe_reproduces_the_run(inner_run: Path, tmp_path: Path) -> None:
    arguments = ["run", str(inner_run / "resolved.yaml"), "--out", str(tmp_path / "again")]
    result = CliRunner().invoke(hdf, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    again = tmp_path / "again" / "metrics.jsonl"
    assert again.read_bytes() == (inner_run / "metrics.jsonl").read_bytes()


def test_a_cross_validation(inner_run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    changes = ("data.split={folds: 2}", "train.epochs=1", "--out", str(out))
    arguments = ["crossval", str(inner_run / "recipe.yaml"), *changes]
    result = CliRunner().invoke(hdf, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    [tree] = [block.text for block in blocks(PAGE) if block.text.startswith("NAME-crossval/")]
    assert {line.strip().rstrip("/") for line in tree.splitlines()[1:]} == {
        path.name for path in out.iterdir()
    }
    rows = re.findall(
        r"^\| `(\w+)` \|", section(PAGE, "### The cross-validation's summary.json"), re.M
    )
    assert rows == list(json.loads((out / "summary.json").read_text()))
