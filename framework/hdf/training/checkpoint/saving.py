"""When a training is saved, and how it goes on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from hdf.models.file import load_model, save_model
from hdf.training.checkpoint.checkpoints import save_checkpoint
from hdf.training.checkpoint.position import Position
from hdf.training.checkpoint.state import identity_of, learner_state, restore_learner

if TYPE_CHECKING:
    from hdf.training.trainer import Trainer


class Saver:
    """Saves a training and restores it.

    Args:
        trainer: all of whose parts are there.
    """

    def __init__(self, trainer: Trainer) -> None:
        self.trainer = trainer
        self.seconds = 60 * trainer.settings.checkpoint_minutes
        self._when = time.monotonic()
        self._saved: tuple[int, int] | None = None
        self._identity: dict[str, str] | None = None

    @property
    def is_due(self) -> bool:
        """Whether the last checkpoint is so old that one within the epoch is worth its time."""
        return time.monotonic() - self._when >= self.seconds

    def save(self) -> None:
        """Write a checkpoint; all processes must call it, unless the epoch's steps are over."""
        with self.trainer.stop.deferred():
            with self.trainer.timing.checkpoint.timing():
                state = self._state()
                if self.trainer.world.is_writer:
                    self._write(state)
            self.trainer.timing.step.start()
            self._when, self._saved = time.monotonic(), self._place

    def save_if_new(self) -> None:
        """Write a checkpoint where something was learned since the last one.

        No other process is asked: where that is needed, nothing is written.
        """
        position, world = self.trainer.position, self.trainer.world
        alone = world.size == 1 or position.whole is not None
        learned = self.trainer.learner.step > 0 and self._saved != self._place
        if alone and learned and world.is_writer:
            self._write(self._state())

    @property
    def _place(self) -> tuple[int, int]:
        return self.trainer.position.epoch, self.trainer.position.done

    def _write(self, state: dict[str, Any]) -> None:
        run = self.trainer.run
        best = run.folder.best if self.trainer.selection.epoch else None
        save_checkpoint(run.folder, run.detector, state, best)

    def save_best(self) -> None:
        """Let ``best.safetensors`` hold what is evaluated now."""
        if self.trainer.world.is_writer:
            save_model(self.trainer.run.detector, self.trainer.run.folder.best)

    def load_best(self) -> None:
        """Evaluate ``best.safetensors`` from here on; only the writer may have the file."""
        run, state = self.trainer.run, None
        if run.world.is_writer:
            state = load_model(run.folder.best, run.registry).state_dict()
        state = run.world.broadcast(state)
        assert state is not None
        run.detector.load_state_dict(state)

    def _state(self) -> dict[str, Any]:
        trainer, position = self.trainer, self.trainer.position
        within = position.state(trainer.world)  # asks all processes
        if not trainer.world.is_writer:
            return {}
        self._identity = self._identity or identity_of(trainer.run)
        return {
            "epoch": position.epoch - 1,
            "within": within,
            "history": trainer.history[: position.epoch - 1],
            "selection": trainer.selection.state(),
            "iou_before": trainer.iou_before,
            "identity": self._identity,
            **learner_state(trainer.learner),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from what was saved.

        Raises:
            UserError: the model has other tensors now.
        """
        trainer = self.trainer
        run, world = trainer.run, trainer.world
        restore_learner(trainer.learner, run, state)
        trainer.selection.restore(state["selection"])
        trainer.history = state["history"]
        trainer.iou_before = state.get("iou_before")  # not in those of earlier versions
        device = run.compute.device
        epoch = state["epoch"] + 1
        trainer.position = Position.restored(epoch, state["within"], world, device)
        self._saved = self._place
        trainer.learner.fill_cache(trainer.batches)
