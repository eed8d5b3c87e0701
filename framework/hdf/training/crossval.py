"""Every fold of a recipe, and the answers for all images together, in one folder."""

from __future__ import annotations

import csv
import gc
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from hdf.console.progress import Reporter
from hdf.data.dataset import list_samples, split_of
from hdf.errors import Problem, UserError, user_error
from hdf.evaluation.comparison import Comparison
from hdf.evaluation.coverage import calibrate, cross_coverage
from hdf.evaluation.tables import read_comparison
from hdf.files.atomic import refuse_unwritable, write_json, write_table
from hdf.models.build import build_components
from hdf.recipe.check import CheckedRecipe, differences_from, same_recipe
from hdf.recipe.splits import FoldSplit
from hdf.registry.registry import Registry
from hdf.report.report import finish
from hdf.runs.run_folder import (
    CALIBRATION,
    MATCHES,
    PREDICTIONS,
    SUMMARY,
    RunFolder,
    choose_folder,
    free_path,
    status_of,
)
from hdf.training.run import close, run_recipe


class CrossvalFolder(RunFolder):
    """A cross-validation's folder, with an ordinary run folder for each fold.

    Args:
        folds: the recipe of each, the first of which stands for all.
        how: `replaces` or `resumes`, as for every `RunFolder`.
    """

    has_figures = False

    def __init__(self, path: Path, folds: list[CheckedRecipe], **how: bool) -> None:
        super().__init__(path, **how)
        self.folds, self.created = folds, False

    def fold(self, number: int) -> Path:
        """The run folder of a fold, counted from 0."""
        return self.path / f"fold-{number}"

    def is_finished(self, number: int) -> bool:
        """Whether a fold of this very recipe is there, and stays."""
        path = self.fold(number)
        finished = not self.replaces and status_of(path).get("status") == "finished"
        return finished and same_recipe(path, self.folds[number])

    def create(self) -> None:
        if self.created:
            return
        super().create()
        self.created = True
        self.write_recipe(self.folds[0])

    def set_status(self, status: str, **details: Any) -> None:
        super().set_status(status, folds=len(self.folds), **details)


class FoldFolder(RunFolder):
    """The run folder of one fold; the cross-validation's own is made just before the first.

    An unfinished run of the fold goes on where it has a checkpoint of the same recipe, and gives
    way otherwise. What is no run is refused.
    """

    is_fold = True

    def __init__(self, above: CrossvalFolder, number: int) -> None:
        path = above.fold(number)
        if not above.replaces:
            choose_folder("", path, overwrite=True)  # refuses what is no run
        resumes = not above.replaces and same_recipe(path, above.folds[number])
        super().__init__(path, replaces=not resumes, resumes=resumes)
        self.above = above

    def create(self) -> None:
        self.above.create()
        super().create()


def choose_crossval_folder(
    folds: list[CheckedRecipe], out: Path | None, overwrite: bool
) -> CrossvalFolder:
    """As `choose_folder`, for ``runs/NAME-crossval/TIME``.

    A part of the same cross-validation goes on, unless `overwrite` replaces it.
    """
    name = f"{folds[0].recipe.name}-crossval"
    if out is None:
        return CrossvalFolder(free_path(choose_folder(name, None, overwrite).path), folds)
    if "folds" not in status_of(out):
        return CrossvalFolder(out, folds, replaces=choose_folder(name, out, overwrite).replaces)
    refuse_unwritable(out)
    found = [] if overwrite else differences_from(out, folds[0])
    if found:
        advice = "give another folder, or --overwrite to start again"
        message = f"holds the cross-validation of another recipe; {advice}"
        raise UserError([Problem(str(out), message), *found])
    return CrossvalFolder(out, folds, replaces=overwrite, resumes=not overwrite)


def folds_of(checked: CheckedRecipe) -> list[CheckedRecipe]:
    """The recipe of each fold; a `UserError` where ``data.split`` has no folds."""
    recipe, split = checked.recipe, checked.recipe.data.split
    if not isinstance(split, FoldSplit):
        message = "crossval needs a split into folds; try 'data.split={folds: 5}'"
        raise user_error(message, checked.where("data", "split"))
    splits = [split.model_copy(update={"fold": number}) for number in range(split.folds)]
    data = [recipe.data.model_copy(update={"split": split}) for split in splits]
    return [replace(checked, recipe=recipe.model_copy(update={"data": each})) for each in data]


def cross_validate(
    registry: Registry, folder: CrossvalFolder, reporter: Reporter
) -> dict[str, Any]:
    """Run the folds that are not finished, then put all together, as ``summary.json`` has it.

    The folder is made once the first fold's data were found to be in order.

    Raises:
        UserError: the options, the data or a fold's training are at fault.
    """
    folds = folder.folds
    samples = list_samples(folds[0], build_components(folds[0]).loader)
    for checked in folds:  # it tells before hours of training that the last one has no patients
        split_of(checked, samples)
    try:
        if folder.resumes:
            folder.create()
        left = [number for number in range(len(folds)) if not folder.is_finished(number)]
        for number in range(len(folds)):
            reporter.forecast.later = sum(other > number for other in left)
            _run_fold(registry, folder, number, reporter)
        folder.create()  # where no fold was left to run
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


def _run_fold(registry: Registry, folder: CrossvalFolder, number: int, reporter: Reporter) -> None:
    title = f"fold {number} (of {len(folder.folds)}, counted from 0)"
    if folder.is_finished(number):
        reporter.say(f"{title}: finished before")
    else:
        reporter.say(title)
        own = Reporter(reporter.console, reporter.forecast)
        run_recipe(folder.folds[number], registry, FoldFolder(folder, number), own)
        gc.collect()  # a model, its optimiser and a store may hang together in circles
    reporter.log = folder.log
    scores = _summary(folder.fold(number))["metrics"]["val"]
    reporter.say(
        f"fold {number}: mean IoU {scores['iou_mean']:.3f}, "
        f"the constant box {scores['constant_box_iou']:.3f}"
    )


def _pool(folder: CrossvalFolder) -> dict[str, Any]:
    """Join the folds' tables and describe them, if all folds saw the same data."""
    paths = [folder.fold(number) for number in range(len(folder.folds))]
    summaries = [_summary(path) for path in paths]
    for path, summary in zip(paths, summaries, strict=True):
        if summary.get("data_digest") != summaries[0].get("data_digest"):
            message = (
                "images, patients, sources or true boxes have changed since fold 0; delete the "
                "folders of the folds that are out of date, and give the same command again"
            )
            raise user_error(message, str(path))
    for name in (PREDICTIONS, MATCHES):
        tables = [_table(path / name) for path in paths]
        rows = [[str(number), *row] for number, table in enumerate(tables) for row in table[1:]]
        write_table(folder.path / name, ["fold", *tables[0][0]], rows)
    recipe = folder.folds[0].recipe
    metrics = _pooled_metrics(folder, paths, recipe.data.labels)
    parts = ("dataset", "metrics", "timing", "constant_answers")
    return {
        "recipe": recipe.name,
        "seed": recipe.seed,
        "dataset": {"val": sum(summary["dataset"]["val"] for summary in summaries)},
        "metrics": {"val": metrics},
        "timing": {"seconds": round(sum(item["timing"]["seconds"] for item in summaries), 2)},
        "folds": [
            {"fold": number, **{part: summary[part] for part in parts if part in summary}}
            for number, summary in enumerate(summaries)
        ],
    }


def _pooled_metrics(
    folder: CrossvalFolder, paths: list[Path], labels: tuple[str, ...]
) -> dict[str, Any]:
    """Score all folds' answers together, and calibrate by them."""
    parts = [read_comparison(path) for path in paths]
    comparison = Comparison.concatenate(parts)
    counts = torch.tensor([len(part.matches.label) for part in parts])
    fold = torch.arange(len(parts)).repeat_interleave(counts)
    calibration = calibrate(comparison.matches)
    if calibration is not None:
        write_json(folder.path / CALIBRATION, asdict(calibration))
    coverage = cross_coverage(comparison.matches, fold)
    metrics = comparison.metrics(labels)
    return metrics if coverage is None else {**metrics, "coverage": coverage}


def _table(path: Path) -> list[list[str]]:
    """All rows, the first of which is the header."""
    with _reading(path), path.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    return [header, *rows]


def _summary(folder: Path) -> dict[str, Any]:
    path = folder / SUMMARY
    with _reading(path):
        summary: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return summary


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Say of a finished fold's file that can't be read how to mend it."""
    try:
        yield
    except (OSError, ValueError, csv.Error) as error:
        message = f"can't be read: {error}; delete {path.parent} to run the fold again"
        raise user_error(message, str(path)) from error
