"""Train a recipe of hdf's until the heart's validation IoU reaches a bar."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from hdf.cli.arguments import checked_recipe
from hdf.cli.screen import console
from hdf.console.progress import Reporter
from hdf.runs.run_folder import choose_folder
from hdf.runtime.resources import keep_freed_memory
from hdf.training.interruptions import Stop
from hdf.training.prepare import Run, prepare
from hdf.training.trainer import Trainer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bar", type=float, default=0.80)
    parser.add_argument("--limit", type=float, default=900.0)
    parser.add_argument("recipe")
    parser.add_argument("overrides", nargs="*")
    given = parser.parse_args()
    keep_freed_memory()
    with tempfile.TemporaryDirectory() as folder:
        run = prepared(given.recipe, tuple(given.overrides), Path(folder))
        print(json.dumps(train_until(run, given.bar, given.limit)))


def prepared(recipe: str, overrides: tuple[str, ...], folder: Path) -> Run:
    """A recipe's run, its data read; nothing is written."""
    checked, registry = checked_recipe(Path(recipe), overrides, None)
    reporter = Reporter(console(sys.stderr))
    return prepare(checked, registry, choose_folder("run", folder, True), reporter)


def train_until(run: Run, bar: float, limit: float) -> dict[str, float | int | None]:
    """As the peers: training alone is timed, and each epoch is validated."""
    trainer = Trainer(run, Reporter(console(sys.stderr)), Stop())
    trained, best, epoch = 0.0, 0.0, 0
    while trained < limit and best < bar and epoch < run.recipe.train.epochs:
        epoch += 1
        began = time.perf_counter()
        trainer.state.learner.epoch(trainer.batches, epoch, lambda done, loss, images: None)
        trained += time.perf_counter() - began
        found = trainer.validation.evaluate(run.detector).matches.of_label("heart")
        best = max(best, float(found.iou.mean()))
    reached = trained if best >= bar else None
    return {"reached": reached, "best": best, "epochs": epoch, "trained": trained}


if __name__ == "__main__":
    main()
