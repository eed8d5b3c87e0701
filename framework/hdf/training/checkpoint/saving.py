"""What is saved of a training, and when; and going on from it."""

from __future__ import annotations

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
from hdf.recipe.merge import differing
from hdf.runs.run_folder import BEST, RESOLVED, RunFolder
from hdf.training.prepare import Run
from hdf.training.state import TrainingState

if TYPE_CHECKING:  # what writes and reads files is imported when it is needed
    from hdf.training.checkpoint.store import Checkpoint


class Saver:
    """Writes the checkpoints of a run, and its best weights so far; changes nothing of `state`."""

    def __init__(self, run: Run, state: TrainingState) -> None:
        self.run, self.state = run, state
        self._when = time.monotonic()
        self._saved = state.place

    @property
    def is_due(self) -> bool:
        """Whether the last checkpoint is so old that one within the epoch is worth its time."""
        return time.monotonic() - self._when >= 60 * self.run.recipe.train.checkpoint_minutes

    def save(self) -> None:
        """Write a checkpoint; all processes must call it, unless the epoch's steps are over."""
        run, state = self.run, self.state.state_dict()
        if run.world.is_writer:
            from hdf.models.file import save_model
            from hdf.training.checkpoint.store import save_checkpoint

            save_checkpoint(
                run.folder.checkpoints,
                {**state, "identity": run.identity},
                partial(save_model, self.state.detector),
                run.folder.best if self.state.selection.epoch else None,
            )
        self._when, self._saved = time.monotonic(), self.state.place

    def save_if_new(self) -> None:
        """Write a checkpoint where something was learned since the last one.

        No other process is asked: where that is needed, nothing is written.
        """
        alone = self.run.world.size == 1 or self.state.position.whole is not None
        if alone and self.state.learner.step > 0 and self._saved != self.state.place:
            self.save()

    def save_best(self) -> None:
        """Let ``best.safetensors`` hold what is evaluated now."""
        if self.run.world.is_writer:
            from hdf.models.file import save_model

            save_model(self.state.detector, self.run.folder.best)

    def load_best(self) -> None:
        """Evaluate ``best.safetensors`` from here on; only the writer may have the file."""
        from hdf.models.file import load_model

        run = self.run
        own = load_model(run.folder.best, run.registry).state_dict() if run.world.is_writer else {}
        self.state.detector.load_state_dict(run.world.broadcast(own))


def go_on(run: Run, reporter: Reporter) -> dict[str, Any] | None:
    """Lock the run's folder, and bring it back to the moment of its newest checkpoint.

    Returns:
        What the checkpoint holds; None where there is none: the run then starts again, in place.

    Raises:
        UserError: another process is at work there, no checkpoint is whole, or it is of another
            recipe or other data; nothing is changed then.
    """
    from hdf.training.checkpoint.store import find_checkpoint

    folder = run.folder
    folder.take()
    try:
        again = f"to start again: hdf run {folder.path / RESOLVED} --out NEW_FOLDER"
        checkpoint = find_checkpoint(folder.checkpoints, again)
        if checkpoint is not None:
            state = checkpoint.state()
            _refuse_another(state["identity"], run, checkpoint.path)
        else:
            reporter.say(f"{folder.path} holds no checkpoint yet: the run starts again")
    except UserError as error:
        if not folder.is_fold:
            raise
        checkpoint = None
        reporter.say(f"the run starts again: {error}")
    if checkpoint is None:
        folder.resumes, folder.replaces = False, True
        return None
    folder.create()
    reporter.log = folder.log
    _tidy(folder, checkpoint, state, reporter)
    return state


def _refuse_another(there: Mapping[str, str], run: Run, path: Path) -> None:
    here = run.identity
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
        raise UserError([Problem(str(path), message), *found])


def _tidy(
    folder: RunFolder, checkpoint: Checkpoint, state: Mapping[str, Any], reporter: Reporter
) -> None:
    """``timing.jsonl`` keeps the lines of epochs that are done again, for their time was spent."""
    from hdf.training.checkpoint.store import settle

    best = checkpoint.path / BEST
    if best.exists():
        with replacing(folder.best) as temporary:
            shutil.copyfile(best, temporary)
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
    """Drop a last line that is not whole."""
    if path.exists():
        whole, end, _ = path.read_text(encoding="utf-8", errors="replace").rpartition("\n")
        write_text(path, whole + end)
