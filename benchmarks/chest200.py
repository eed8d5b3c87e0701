"""The shipped recipe by cross-validation: one model, several views, an ensemble (HDF_TEST_DATA).

HDF_CHEST_SEEDS (3) cross-validations are made, of which the first is the recipe's own; folders that
HDF_CHEST_RUNS holds from before are gone on with, so that nothing is trained twice.
"""

from __future__ import annotations

import csv
import math
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch

from benchmarks.command import masked, run_hdf
from hdf.data.split import split_samples
from hdf.evaluation.comparison import Comparison
from hdf.evaluation.coverage import cross_coverage
from hdf.evaluation.labelled_folder import assess
from hdf.evaluation.metrics import mean_interval
from hdf.evaluation.ratio_metrics import ratios_of
from hdf.inference.predictor import Predictor
from hdf.models.file import load_model
from hdf.recipe.splits import FoldSplit
from hdf.registry.registry import discover
from hdf.runtime.device import choose_compute
from hdf.types import Sample
from hdf_plugins.loaders.mask_boxes import MaskBoxes

RECIPE, FOLDS, VIEWS = "chest_heart_lungs", 5, 9
SEEDS = int(os.environ.get("HDF_CHEST_SEEDS", "3"))
LABELS = ("heart", "left_lung", "right_lung")
Row = tuple[str, str]


def rows() -> Iterator[Row]:
    """Every image is predicted by models that were not trained on it."""
    data = os.environ.get("HDF_TEST_DATA")
    if not data:
        yield "skipped", "HDF_TEST_DATA is not set"
        return
    chest = Path(data) / "chest200"
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(os.environ.get("HDF_CHEST_RUNS", scratch))
        runs = [home / f"seed-{seed}" for seed in range(SEEDS)]
        for seed, run in enumerate(runs):
            crossval(chest, run, f"seed={seed}")
        yield from _figures("one model", chest, runs[:1], views=1)
        yield from _figures(f"one model, {VIEWS} views", chest, runs[:1], views=VIEWS)
        if SEEDS > 1:
            yield from _figures(f"{SEEDS} models", chest, runs, views=1)
            yield from _figures(f"{SEEDS} models, {VIEWS} views", chest, runs, views=VIEWS)


def crossval(chest: Path, out: Path, *overrides: str) -> None:
    """Run, or go on with, a cross-validation of the recipe."""
    run_hdf("crossval", RECIPE, *masked(chest), *overrides, "--out", out)


def _figures(name: str, chest: Path, runs: Sequence[Path], views: int) -> Iterator[Row]:
    pooled, fold = out_of_fold(chest, runs, views)
    metrics = pooled.metrics(LABELS)
    heart = metrics["labels"]["heart"]
    yield f"{name}: mean IoU of the heart", _with(heart, "iou_mean")
    yield f"{name}: constant box", f"{heart['constant_box_iou']:.3f}"
    yield f"{name}: share of images with IoU >= 0.75", _with(heart, "iou_at_75")
    yield f"{name}: 2nd percentile of IoU", _with(heart, "iou_p2")
    published = _published_ratio(chest, pooled)
    yield f"{name}: ratio, MAE against {published['n']} published", _with(published, "mae", 4)
    ratio = metrics["ratio"]
    yield f"{name}: ratio, MAE against the true boxes", _with(ratio, "mae", 4)
    yield f"{name}: ratio, coefficient of variation", _with(ratio, "cv", 4)
    yield f"{name}: IoU of the lungs", _lungs(metrics)
    yield from _coverage(name, cross_coverage(pooled.matches, fold))


def out_of_fold(chest: Path, runs: Sequence[Path], views: int) -> tuple[Comparison, torch.Tensor]:
    """All images, each answered by the models of its fold, and the fold of each true box."""
    parts, folds = [], []
    for number, (predictor, samples) in enumerate(each_fold(chest, runs, views)):
        parts.append(assess(predictor, samples, lambda done, of: None))
        folds += [number] * len(parts[-1].matches.label)
    return Comparison.concatenate(parts), torch.tensor(folds)


def each_fold(
    chest: Path, runs: Sequence[Path], views: int = 1
) -> Iterator[tuple[Predictor, list[Sample]]]:
    """The models of each fold as one predictor, and the images that they were not trained on."""
    registry, compute = discover(None), choose_compute("auto", "float32")
    samples = MaskBoxes(LABELS, images=chest / "images", masks=chest / "masks").records()
    for number in range(FOLDS):
        files = [run / f"fold-{number}" / "best.safetensors" for run in runs]
        predictor = Predictor([load_model(file, registry) for file in files], compute, views)
        chosen = split_samples(samples, FoldSplit(folds=FOLDS, fold=number), 0).val
        yield predictor, [samples[index] for index in chosen]


def _with(metrics: dict[str, Any], name: str, digits: int = 3) -> str:
    low, high = metrics.get(f"{name}_95") or metrics["interval_95"][name]
    return f"{metrics[name]:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def _lungs(metrics: dict[str, Any]) -> str:
    means = [metrics["labels"][name]["iou_mean"] for name in LABELS[1:]]
    return f"left {means[0]:.3f}, right {means[1]:.3f}"


def _published_ratio(chest: Path, pooled: Comparison) -> dict[str, Any]:
    """The mean absolute error against the ratios that the source publishes."""
    with (chest / "ctr.csv").open(encoding="utf-8", newline="") as file:
        published = {row["name"]: float(row["ctr"]) for row in csv.DictReader(file)}
    ratios = ratios_of(pooled.matches)
    truth = [published.get(pooled.images[image], math.nan) for image in ratios.image.tolist()]
    errors = (ratios.found - torch.tensor(truth)).abs()
    known = ~errors.isnan()
    interval = mean_interval(errors[known], ratios.image[known])
    return {"n": int(known.sum()), "mae": float(errors[known].mean()), "mae_95": interval}


def _coverage(name: str, coverage: dict[str, Any] | None) -> Iterator[Row]:
    if coverage is not None:
        yield f"{name}: conformal boxes at 90 %", str(coverage)
