"""``hdf crossval`` as a user types it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.conftest import Hdf


def test_all_folds_end_in_one_table(hdf: Hdf, tiny_recipe: Path, tmp_path: Path) -> None:
    changes = ("data.split={folds: 2}", "train.epochs=1", "visualize=[]")
    shown = hdf("crossval", tiny_recipe, *changes)
    assert shown.returncode == 0, shown.stderr
    lines = shown.stdout.splitlines()
    assert [line.split("  ")[0] for line in lines[1:]] == ["fold 0", "fold 1", "all"]
    [out] = (tmp_path / "runs" / "tiny-crossval").iterdir()
    scores = json.loads((out / "summary.json").read_text())["metrics"]["val"]
    assert f"{scores['iou_mean']:.3f}" in lines[-1]
    assert "from the constant box" in shown.stderr
    assert shown.stderr.endswith("For research only: hdf is not a medical device.\n")

    (out / "fold-1" / "status.json").write_text('{"status": "running"}')
    again = hdf("crossval", tiny_recipe, *changes, "--out", out)
    assert again.returncode == 0, again.stderr
    assert again.stdout == shown.stdout
    assert "fold 0 (of 2, counted from 0): finished before" in again.stderr
    assert "fold 1 (of 2, counted from 0)\n" in again.stderr


def test_a_recipe_without_folds_is_told(hdf: Hdf, tiny_recipe: Path) -> None:
    shown = hdf("crossval", tiny_recipe)
    assert shown.returncode == 2
    assert "Traceback" not in shown.stderr
    assert "crossval needs a split into folds; try 'data.split={folds: 5}'" in shown.stderr
