"""``hdf run``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from hdf.cli.arguments import checked_recipe, out_options, plugins_dir_option, recipe_arguments
from hdf.cli.scores import more_lines
from hdf.cli.screen import console


@click.command()
@recipe_arguments
@out_options("Write into exactly this folder, not runs/NAME/TIME.")
@plugins_dir_option
def run(
    recipe: Path,
    overrides: tuple[str, ...],
    out: Path | None,
    overwrite: bool,
    plugins_dir: Path | None,
) -> None:
    """Train, evaluate and draw what a recipe describes.

    RECIPE is a file, or the name of a packaged recipe (see hdf recipes). Values are changed with
    key.path=value, such as train.epochs=5.
    """
    checked, registry = checked_recipe(recipe, overrides, plugins_dir)

    from hdf.reporting.progress import Reporter
    from hdf.reporting.run_folder import choose_folder
    from hdf.training.run import run_recipe

    folder = choose_folder(checked.recipe.name, out, overwrite)
    reporter = Reporter(console(sys.stderr))
    summary = run_recipe(checked, registry, folder, reporter)
    for line in _closing_lines(summary, folder.path):
        reporter.say(line)


def _closing_lines(summary: dict[str, Any], folder: Path) -> list[str]:
    scores = summary["metrics"]["val"]
    low, high = scores["iou_mean_95"]
    return [
        f"validation: mean IoU {scores['iou_mean']:.3f} (95 % {low:.3f} to {high:.3f}), "
        f"the constant box {scores['constant_box_iou']:.3f}; "
        f"median {scores['iou_median']:.3f}, 2nd percentile {scores['iou_p2']:.3f}, "
        f"IoU >= 0.75 in {scores['iou_at_75']:.0%}, AP {scores['ap']:.3f}",
        *more_lines(scores),
        f"{summary['timing']['seconds']:.0f} s; everything is in {folder}",
        "For research only: hdf is not a medical device.",
    ]
