"""What each choice is worth: 5-fold crossval under one budget of training time (HDF_TEST_DATA).

How many epochs fit into the budget is measured for all choices first, a few minutes in which
nothing else should run; what runs beside the trainings that follow changes no figure.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.chest200 import LABELS, RECIPE, out_of_fold
from benchmarks.command import masked, run_hdf

SHIPPED = "as shipped"
SECONDS = float(os.environ.get("HDF_ABLATION_SECONDS", "30"))
"""Training time of one fold, in which each choice takes as many epochs as it can."""

CHOICES: dict[str, tuple[str, ...]] = {
    SHIPPED: (),
    "no phantom pretraining": ("train.init_from=null", "train.optimizer.lr=2.0e-3"),
    "no augmentation": ("augment=[]",),
    "affine and gamma alone": (
        "augment=[{use: affine, degrees: 8, translate: 0.1, scale: [0.85, 1.2]}, "
        "{use: gamma, gamma: [0.7, 1.5]}]",
    ),
    "no averaged weights": ("train.ema=0.0",),
    "masks without edges": ("model.head={use: mask, edges: false}",),
    "edges without masks": ("model.head={use: edge_softargmax}",),
    "box regression": ("model.head={use: box_regression, loss: smooth_l1}",),
    "ResNet-18, no phantom pretraining": (
        "model.backbone={use: resnet18, width: 0.375}",
        "train.init_from=null",
        "train.optimizer.lr=2.0e-3",
    ),
    "128 px": ("data.image_size=[128, 128]",),
    "224 px": ("data.image_size=[224, 224]",),
    "fixed normalisation": ("model.normalize=fixed",),
}


def rows() -> Iterator[tuple[str, str]]:
    """Mean IoU of the heart and error of the ratio, all 200 predicted out of fold.

    Views and a second model are bought when answering: they use the shipped choice's own models.
    """
    data = os.environ.get("HDF_TEST_DATA")
    if not data:
        yield "skipped", "HDF_TEST_DATA is not set"
        return
    chest = Path(data) / "chest200"
    with tempfile.TemporaryDirectory() as folder:
        runs = [Path(folder) / SHIPPED, Path(folder) / "another seed"]
        chosen = {name: (*masked(chest), *more, "visualize=[]") for name, more in CHOICES.items()}
        epochs = {name: _epochs(*overrides) for name, overrides in chosen.items()}
        for name, overrides in chosen.items():
            yield name, _crossval(Path(folder) / name, epochs[name], *overrides)
        yield runs[1].name, _crossval(runs[1], epochs[SHIPPED], *chosen[SHIPPED], "seed=1")
        yield "as shipped, nine views", _out_of_fold(chest, runs[:1], views=9)
        yield "two seeds together, twice the budget", _out_of_fold(chest, runs, views=1)
        yield "two seeds together, nine views", _out_of_fold(chest, runs, views=9)


def _epochs(*overrides: str) -> int:
    """How many epochs the budget allows, by the speed of the second epoch of one fold."""
    with tempfile.TemporaryDirectory() as folder:
        run_hdf("run", RECIPE, *overrides, "train.epochs=2", "--out", Path(folder) / "run")
        lines = (Path(folder) / "run" / "timing.jsonl").read_text().splitlines()
        summary = json.loads((Path(folder) / "run" / "summary.json").read_text())
    speed = json.loads(lines[-1])["train_images_per_second"]
    return max(1, math.floor(SECONDS * speed / summary["dataset"]["train"]))


def _crossval(out: Path, epochs: int, *overrides: str) -> str:
    run_hdf("crossval", RECIPE, *overrides, f"train.epochs={epochs}", "--out", out)
    summary = json.loads((out / "summary.json").read_text())
    return f"{epochs} epochs; {_figures(summary['metrics']['val'])}"


def _out_of_fold(chest: Path, runs: Sequence[Path], views: int) -> str:
    return _figures(out_of_fold(chest, runs, views)[0].metrics(LABELS))


def _figures(metrics: Mapping[str, Any]) -> str:
    heart = metrics["labels"]["heart"]
    low, high = heart["iou_mean_95"]
    return (
        f"IoU {heart['iou_mean']:.3f} ({low:.3f} to {high:.3f}), "
        f">= 0.75 in {heart['iou_at_75']:.1%}, 2nd percentile {heart['iou_p2']:.3f}, "
        f"ratio {metrics['ratio']['mae']:.4f}"
    )
