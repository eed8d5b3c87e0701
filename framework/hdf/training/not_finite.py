"""Losses that are not finite: which images, and what to do.

They are noticed soon, without waiting for the device at each step.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from hdf.console.progress import Reporter
from hdf.errors import UserError, user_error
from hdf.files.atomic import write_json
from hdf.runs.run_folder import NOT_FINITE
from hdf.runtime.world import World
from hdf.training.prepare import Run
from hdf.types import Sample

TOGETHER = 16
"""Steps whose losses are fetched from a device at once."""
NAMED = 5
"""Images that a message names."""


class BadBatch(NamedTuple):
    """Where a loss is not finite: `step` is counted from 0 in the whole run, `images` are positions
    in the store, of this process's share."""

    epoch: int
    step: int
    loss: float
    images: list[int]


class Watch:
    """Looks at losses as they come; on a processor at once.

    Args:
        skips: whether a bad batch is left out; each loss is then fetched before its step.

    Attributes:
        found: the bad batches that nobody has asked for yet.
    """

    def __init__(self, skips: bool, device: torch.device) -> None:
        self.skips = skips
        self.found: list[BadBatch] = []
        self._together = 1 if device.type == "cpu" else TOGETHER
        self._waiting: list[tuple[int, int, Tensor, Tensor]] = []

    def refuses(self, loss: Tensor, images: Tensor, epoch: int, step: int, world: World) -> bool:
        """Whether to leave out a step, as the loss of any process is not finite.

        Args:
            loss: of this process's share, or its sum with whatever else must be finite.
            images: positions in the store int64 [B].
        """
        self._waiting.append((epoch, step, loss, images))
        before = len(self.found)
        if self.skips or len(self._waiting) >= self._together:
            self.look()
        return self.skips and bool(world.most(len(self.found) - before)[0])

    def look(self) -> int:
        """How many bad batches there are, of this process; waits for the device."""
        if self._waiting:
            losses = torch.stack([loss for *_, loss, _ in self._waiting]).tolist()
            for (epoch, step, _, images), loss in zip(self._waiting, losses, strict=True):
                if not math.isfinite(loss):
                    self.found.append(BadBatch(epoch, step, loss, images.tolist()))
            self._waiting.clear()
        return len(self.found)

    def taken(self, world: World) -> list[BadBatch]:
        """The bad batches of all processes, which must all ask; they are forgotten here."""
        found = [batch for part in world.gather(self.found) for batch in part]
        self.found = []
        return found


def tell_not_finite(run: Run, reporter: Reporter, watch: Watch) -> None:
    """List the images of bad batches in ``not_finite.json``; all processes must call it together.

    Raises:
        UserError: in the writer, unless they are skipped; the other processes end when it has.
    """
    found = watch.taken(run.world)
    if not run.world.is_writer:
        return
    path, samples = run.folder.path / NOT_FINITE, run.store.samples
    _write(path, found, samples)
    first, images = found[0], [samples[i].id for batch in found for i in batch.images]
    named = ", ".join(images[:NAMED])
    if len(images) > NAMED:
        named += f" and {len(images) - NAMED} more"
    what = f"the loss is {first.loss} in epoch {first.epoch}, step {first.step + 1} of the run"
    if not watch.skips:
        skip = "train.on_not_finite=skip leaves such batches out"
        raise _too_fast(run, f"{what}, for {named} (all are in {path})", skip)
    reporter.say(f"{what}: no step was taken for {named}; see {path}")


def refuse_not_finite(run: Run, metrics: Mapping[str, float]) -> None:
    """Raise a `UserError` in the writer where one of an epoch's means is not finite, or missing."""
    if not run.world.is_writer:
        return  # ends when the writer has ended
    if "train_loss" not in metrics:
        raise _too_fast(run, f"no batch of epoch {metrics['epoch']} has a finite loss")
    for name, value in metrics.items():
        if not math.isfinite(value):
            raise _too_fast(run, f"{name} is {value} in epoch {metrics['epoch']}")


def _too_fast(run: Run, fault: str, *more: str) -> UserError:
    """The learning rate is the usual cause, whatever else the command line has changed."""
    rate = run.recipe.train.optimizer.lr
    cures = f"train.optimizer.lr is {rate:g}, try {rate / 10:g}"
    if run.recipe.train.clip_norm is None:
        cures += ", or train.clip_norm=1.0"
    if run.compute.dtype is not torch.float32:
        cures += ", or train.precision=float32"
    message = "; ".join([fault, cures, *more])
    return user_error(message, run.checked.where("train", "optimizer", "lr"))


def _write(path: Path, found: list[BadBatch], samples: Sequence[Sample]) -> None:
    """Add bad batches to those in ``not_finite.json``; one that is there already is replaced."""
    try:
        known = json.loads(path.read_text(encoding="utf-8"))["batches"]
    except (OSError, ValueError, KeyError, TypeError):
        known = []
    places = {(batch.epoch, batch.step) for batch in found}
    kept = [item for item in known if (item["epoch"], item["step"]) not in places]
    for batch in found:
        images = [samples[i].id for i in batch.images]
        kept.append({**batch._asdict(), "loss": str(batch.loss), "images": images})
    write_json(path, {"batches": kept})
