"""What is saved of a training, and when.

What writes and reads is imported when something is saved: the first step does not wait for it.
"""

from __future__ import annotations

import hashlib
import json
import time
from functools import partial
from typing import Any

from hdf.training.prepare import Run
from hdf.training.state import TrainingState


class Saver:
    """Writes the checkpoints of a run, and its best weights so far.

    Args:
        state: what is saved; nothing of it is changed.
    """

    def __init__(self, run: Run, state: TrainingState) -> None:
        self.run, self.state = run, state
        self._when = time.monotonic()
        self._saved = state.place
        self._identity: dict[str, str] | None = None

    @property
    def is_due(self) -> bool:
        """Whether the last checkpoint is so old that one within the epoch is worth its time."""
        return time.monotonic() - self._when >= 60 * self.run.recipe.train.checkpoint_minutes

    def save(self) -> None:
        """Write a checkpoint; all processes must call it, unless the epoch's steps are over."""
        state = self.state.state_dict()
        if self.run.world.is_writer:
            self._write(state)
        self._when, self._saved = time.monotonic(), self.state.place

    def save_if_new(self) -> None:
        """Write a checkpoint where something was learned since the last one.

        No other process is asked: where that is needed, nothing is written.
        """
        world = self.run.world
        alone = world.size == 1 or self.state.position.whole is not None
        learned = self.state.learner.step > 0 and self._saved != self.state.place
        if alone and learned and world.is_writer:
            self._write(self.state.state_dict())

    def _write(self, state: dict[str, Any]) -> None:
        from hdf.models.file import save_model
        from hdf.training.checkpoint.store import save_checkpoint

        folder = self.run.folder
        self._identity = self._identity or identity_of(self.run)
        save_checkpoint(
            folder.checkpoints,
            {**state, "identity": self._identity},
            partial(save_model, self.state.detector),
            folder.best if self.state.selection.epoch else None,
        )

    def save_best(self) -> None:
        """Let ``best.safetensors`` hold what is evaluated now."""
        from hdf.models.file import save_model

        if self.run.world.is_writer:
            save_model(self.state.detector, self.run.folder.best)

    def load_best(self) -> None:
        """Evaluate ``best.safetensors`` from here on; only the writer may have the file."""
        from hdf.models.file import load_model

        run, weights = self.run, None
        if run.world.is_writer:
            weights = load_model(run.folder.best, run.registry).state_dict()
        weights = run.world.broadcast(weights)
        assert weights is not None
        self.state.detector.load_state_dict(weights)


def identity_of(run: Run) -> dict[str, str]:
    """What must be the same when a run goes on: the recipe, the data and the sides."""
    sides = json.dumps([run.split.train, run.split.val, run.split.inner])
    return {
        "recipe": json.dumps(run.checked.reread()),
        "data": run.data_digest,
        "split": hashlib.sha256(sides.encode()).hexdigest()[:16],
    }
