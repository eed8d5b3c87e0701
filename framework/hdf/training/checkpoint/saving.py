"""What is saved of a training, and when; and going on from it.

Imports wait until something is saved, for the sake of the first step.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hdf.console.progress import Reporter
from hdf.errors import Problem, UserError
from hdf.files.atomic import replacing, write_text
from hdf.runs.run_folder import RESOLVED, RunFolder
from hdf.training.prepare import Run
from hdf.training.state import TrainingState

if TYPE_CHECKING:
    from hdf.training.checkpoint.store import Checkpoint


class Saver:
    """Writes the checkpoints of a run, and its best weights so far; changes nothing of `state`."""

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


def state_to_go_on_from(run: Run, reporter: Reporter) -> dict[str, Any] | None:
    """Lock the run's folder, and read the newest checkpoint; nothing is changed.

    Returns:
        None where there is none: the run then starts again, in place.

    Raises:
        UserError: another process is at work there, no checkpoint is whole, or it is of another
            recipe or other data.
    """
    from hdf.training.checkpoint.store import find_checkpoint

    folder = run.folder
    folder.take()
    try:
        again = f"to start again: hdf run {folder.path / RESOLVED} --out NEW_FOLDER"
        checkpoint = find_checkpoint(folder.checkpoints, again)
        if checkpoint is not None:
            state = checkpoint.state()
            _refuse_another(state, run, checkpoint)
            return {**state, "checkpoint": checkpoint}
        reporter.say(f"{folder.path} holds no checkpoint yet: the run starts again")
    except UserError as error:
        if not folder.gives_way:
            raise
        reporter.say(f"the run starts again: {error}")
    folder.resumes, folder.replaces = False, True
    return None


def _refuse_another(state: Mapping[str, Any], run: Run, checkpoint: Checkpoint) -> None:
    from hdf.recipe.merge import differing

    there, here = state["identity"], identity_of(run)
    found = differing(json.loads(there["recipe"]), json.loads(here["recipe"]))
    names = {
        "data": "images, patients, sources or true boxes have changed",
        "split": "the same images are split otherwise",
    }
    for key, change in names.items():
        if there[key] != here[key]:
            found.append(Problem(key, f"{change}: digest {there[key]} there, {here[key]} here"))
    if found:
        message = "the checkpoint is of another run, and can't go on with this one"
        raise UserError([Problem(str(checkpoint.path), message), *found])


def tidy(folder: RunFolder, state: dict[str, Any], reporter: Reporter) -> None:
    """Bring a folder back to the moment of its checkpoint, which is taken out of `state`.

    ``timing.jsonl`` keeps the lines of epochs that are done again, for their time was spent.
    """
    from hdf.training.checkpoint.store import settle

    checkpoint: Checkpoint = state.pop("checkpoint")
    if checkpoint.best is not None:
        with replacing(folder.best) as temporary:
            shutil.copyfile(checkpoint.best, temporary)
    settle(folder.checkpoints, checkpoint)
    lines = (json.dumps(line, allow_nan=False) + "\n" for line in state["history"])
    write_text(folder.metrics, "".join(lines))
    _mend(folder.timing)
    for text in checkpoint.damaged:
        reporter.say(f"{text}; going on from the one before")
    done = state["within"]["done"]
    place = f"batch {done} of epoch {state['epoch'] + 1}" if done else f"epoch {state['epoch']}"
    reporter.say(f"going on after {place}")


def _mend(path: Path) -> None:
    """Drop lines that are not whole."""
    if path.exists():
        whole = []
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                json.loads(line)
            except ValueError:
                continue
            whole.append(f"{line}\n")
        write_text(path, "".join(whole))
