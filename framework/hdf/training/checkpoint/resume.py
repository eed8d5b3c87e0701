"""Going on with a run that has ended early."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hdf.console.progress import Reporter
from hdf.errors import Problem, UserError
from hdf.files.atomic import replacing, write_text
from hdf.recipe.merge import differing
from hdf.runs.run_folder import RESOLVED, RunFolder
from hdf.training.checkpoint.saving import identity_of
from hdf.training.checkpoint.store import Checkpoint, find_checkpoint, settle
from hdf.training.prepare import Run


def state_to_go_on_from(run: Run, reporter: Reporter) -> dict[str, Any] | None:
    """Lock the run's folder, and look for a checkpoint of this very run; nothing is changed.

    Returns:
        What the checkpoint holds. None where there is none: the run then starts again, in place.

    Raises:
        UserError: another process is at work there, no checkpoint is whole, or they are of
            another recipe or other data.
    """
    folder = run.folder
    folder.take()
    try:
        again = f"to start again: hdf run {folder.path / RESOLVED} --out NEW_FOLDER"
        checkpoint = find_checkpoint(folder.checkpoints, again)
        state = None if checkpoint is None else checkpoint.state()
        if checkpoint is not None and state is not None:
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
    """Refuse a checkpoint of another run, naming what differs."""
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
    """Bring a folder back to the moment of a checkpoint, and say so.

    ``timing.jsonl`` keeps the lines of epochs that are done again, for their time was spent.

    Args:
        state: of `state_to_go_on_from`; what is in it of the checkpoint itself is taken out.
    """
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
