"""Every fold of a recipe, and the answers for all images together."""

from __future__ import annotations

import csv
import gc
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from hdf.console.progress import Reporter
from hdf.data.dataset import list_samples, split_of
from hdf.errors import user_error
from hdf.evaluation.comparison import Comparison
from hdf.evaluation.coverage import calibrate, cross_coverage
from hdf.evaluation.tables import read_comparison
from hdf.files.atomic import write_json, write_table
from hdf.models.build import build_components
from hdf.recipe.check import CheckedRecipe
from hdf.recipe.same_recipe import same_recipe
from hdf.recipe.splits import FoldSplit
from hdf.registry.registry import Registry
from hdf.report.report import finish
from hdf.runs.run_folder import CALIBRATION, MATCHES, PREDICTIONS, SUMMARY, status_of
from hdf.training.crossval.folder import CrossvalFolder, FoldFolder
from hdf.training.run import close, run_recipe
from hdf.types import Sample

POOLED = (PREDICTIONS, MATCHES)


def folds_of(checked: CheckedRecipe) -> list[CheckedRecipe]:
    """The recipe of each fold; they differ in ``data.split.fold`` alone.

    Raises:
        UserError: the recipe's split has no folds.
    """
    split = checked.recipe.data.split
    if not isinstance(split, FoldSplit):
        message = "crossval needs a split into folds; try 'data.split={folds: 5}'"
        raise user_error(message, checked.where("data", "split"))
    return [_with_fold(checked, split.model_copy(update={"fold": n})) for n in range(split.folds)]


def _with_fold(checked: CheckedRecipe, split: FoldSplit) -> CheckedRecipe:
    data = checked.recipe.data.model_copy(update={"split": split})
    recipe = checked.recipe.model_copy(update={"data": data})
    return CheckedRecipe(recipe, checked.parts, checked.source)


def cross_validate(
    registry: Registry, folder: CrossvalFolder, reporter: Reporter
) -> dict[str, Any]:
    """Run the folds that are not finished, one after the other, then put all together.

    Args:
        folder: where to; it holds the recipes. It is made once the first fold's data were found to
            be in order.

    Returns:
        What ``summary.json`` holds.

    Raises:
        UserError: the options, the data or a fold's training are at fault.
    """
    samples = _samples(folder.folds)
    try:
        if folder.resumes:
            folder.create()
        left = [n for n in range(len(folder.folds)) if not _is_finished(folder, n)]
        for number in range(len(folder.folds)):
            reporter.forecast.later = sum(other > number for other in left)
            _run_fold(registry, folder, number, reporter)
        folder.create()  # where no fold was left to run
        _refuse_changed_data(folder)
        summary = _pool(folder)
        finish(folder, summary, samples, reporter)
        return summary
    except BaseException as error:
        if folder.created:
            close(folder, error)
            kept = "finished folds are kept; to go on, give the same command with"
            reporter.say(f"{kept} --out {folder.path}")
        raise
    finally:
        folder.close()


def _samples(folds: list[CheckedRecipe]) -> list[Sample]:
    """Of all folds; it tells before hours of training that the last one has no patients."""
    samples = list_samples(folds[0], build_components(folds[0]).loader)
    for checked in folds:
        split_of(checked, samples)
    return samples


def _run_fold(registry: Registry, folder: CrossvalFolder, number: int, reporter: Reporter) -> None:
    checked = folder.folds[number]
    title = f"fold {number} (of {len(folder.folds)}, counted from 0)"
    if _is_finished(folder, number):
        reporter.say(f"{title}: finished before")
    else:
        reporter.say(title)
        own = Reporter(reporter.console, reporter.forecast)
        run_recipe(checked, registry, FoldFolder(folder, number), own)
        gc.collect()  # a model, its optimiser and a store may hang together in circles
    reporter.log = folder.log
    scores = _summary(folder.fold(number))["metrics"]["val"]
    reporter.say(
        f"fold {number}: mean IoU {scores['iou_mean']:.3f}, "
        f"the constant box {scores['constant_box_iou']:.3f}"
    )


def _is_finished(folder: CrossvalFolder, number: int) -> bool:
    path = folder.fold(number)
    finished = not folder.replaces and status_of(path).get("status") == "finished"
    return finished and same_recipe(path, folder.folds[number])


def _refuse_changed_data(folder: CrossvalFolder) -> None:
    """Refuse to pool folds that were run on different images, patients, sources or boxes."""
    first = _summary(folder.fold(0)).get("data_digest")
    for number in range(1, len(folder.folds)):
        path = folder.fold(number)
        if _summary(path).get("data_digest") != first:
            message = (
                "images, patients, sources or true boxes have changed since fold 0; delete the "
                "folders of the folds that are out of date, and give the same command again"
            )
            raise user_error(message, str(path))


def _pool(folder: CrossvalFolder) -> dict[str, Any]:
    """Write the tables of all folds, and describe them."""
    numbers = range(len(folder.folds))
    for name in POOLED:
        _join_tables(folder, name)
    recipe = folder.folds[0].recipe
    metrics = _pooled_metrics(folder, recipe.data.labels)
    summaries = [_summary(folder.fold(number)) for number in numbers]
    parts = ("dataset", "metrics", "timing")
    return {
        "recipe": recipe.name,
        "seed": recipe.seed,
        "dataset": {"val": sum(summary["dataset"]["val"] for summary in summaries)},
        "metrics": {"val": metrics},
        "timing": {"seconds": round(sum(item["timing"]["seconds"] for item in summaries), 2)},
        "folds": [
            {"fold": number, **{part: summary[part] for part in parts}}
            for number, summary in enumerate(summaries)
        ],
    }


def _pooled_metrics(folder: CrossvalFolder, labels: tuple[str, ...]) -> dict[str, Any]:
    """Score all folds' answers together, and calibrate by them."""
    parts = [read_comparison(folder.fold(number)) for number in range(len(folder.folds))]
    comparison = Comparison.concatenate(parts)
    counts = torch.tensor([len(part.matches.label) for part in parts])
    fold = torch.arange(len(parts)).repeat_interleave(counts)
    calibration = calibrate(comparison.matches)
    if calibration is not None:
        write_json(folder.path / CALIBRATION, asdict(calibration))
    coverage = cross_coverage(comparison.matches, fold)
    metrics = comparison.metrics(labels)
    return metrics if coverage is None else {**metrics, "coverage": coverage}


def _join_tables(folder: CrossvalFolder, name: str) -> None:
    """The rows of all folds' tables, with a column ``fold`` before the others."""
    tables = [_table(folder.fold(number) / name) for number in range(len(folder.folds))]
    rows = [[str(number), *row] for number, table in enumerate(tables) for row in table[1:]]
    write_table(folder.path / name, ["fold", *tables[0][0]], rows)


def _table(path: Path) -> list[list[str]]:
    """All rows, the first of which is the header."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            header, *rows = csv.reader(file)
    except (OSError, ValueError, csv.Error) as error:
        message = f"can't be read: {error}; delete {path.parent} to run the fold again"
        raise user_error(message, str(path)) from error
    return [header, *rows]


def _summary(folder: Path) -> dict[str, Any]:
    path = folder / SUMMARY
    try:
        summary: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        message = f"can't be read: {error}; delete {folder} to run the fold again"
        raise user_error(message, str(path)) from error
    return summary
