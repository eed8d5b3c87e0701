"""Numbers that are not finite: which images, which file, and what to do."""

from __future__ import annotations

import math
from collections.abc import Mapping

from hdf.console.progress import Reporter
from hdf.errors import user_error
from hdf.training.finite import Batch, Watch, named, write_not_finite
from hdf.training.prepare import Run

ADVICE = "try a lower rate (train.optimizer.lr), train.clip_norm=1.0 or train.precision=float32"
SKIP = "train.on_not_finite=skip leaves such batches out"


def tell_not_finite(run: Run, reporter: Reporter, watch: Watch) -> None:
    """List the images of bad batches in ``not_finite.json``, and end the run unless they are
    skipped; all processes must call it together.

    Raises:
        UserError: by the writer; the others find it gone.
    """
    found = watch.taken(run.world)
    if not run.world.is_writer:
        return
    ids = [sample.id for sample in run.store.samples]
    path = run.folder.path / "not_finite.json"
    write_not_finite(path, found, ids)
    if watch.skips:
        reporter.say(f"{_what(found)}: no step was taken for {named(found, ids)}; see {path}")
        return
    message = f"{_what(found)}, for {named(found, ids)} (all are in {path}); {ADVICE}; {SKIP}"
    raise user_error(message, where=run.checked.where("train"))


def _what(found: list[Batch]) -> str:
    first = found[0]
    return f"the loss is {first.loss} in epoch {first.epoch}, step {first.step + 1} of the run"


def refuse_not_finite(run: Run, metrics: Mapping[str, float]) -> None:
    """Refuse an epoch's means; told by the writer, the others find it gone.

    Raises:
        UserError: one is not finite, or there is none.
    """
    if not run.world.is_writer:
        return
    if "train_loss" not in metrics:
        message = f"no batch of epoch {metrics['epoch']} has a finite loss; {ADVICE}"
        raise user_error(message, where=run.checked.where("train"))
    for name, value in metrics.items():
        if not math.isfinite(value):
            message = f"{name} is {value} in epoch {metrics['epoch']}; {ADVICE}"
            raise user_error(message, where=run.checked.where("train"))
