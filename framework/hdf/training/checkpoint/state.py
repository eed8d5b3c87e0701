"""What a checkpoint holds of a training, and whether it fits the run that is to go on."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from hdf.errors import Problem, UserError
from hdf.training.checkpoint.checkpoints import Checkpoint
from hdf.training.crossval.same_recipe import differing, plain
from hdf.training.loop import Learner
from hdf.training.prepare import Run


def identity_of(run: Run) -> dict[str, str]:
    """What must be the same when a run goes on: the recipe, the data and the sides."""
    sides = json.dumps([run.split.train, run.split.val, run.split.inner])
    return {
        "recipe": json.dumps(plain(run.checked)),
        "data": run.data_digest,
        "split": hashlib.sha256(sides.encode()).hexdigest()[:16],
    }


def refuse_another(state: Mapping[str, Any], run: Run, checkpoint: Checkpoint) -> None:
    """Refuse a checkpoint of another run.

    Raises:
        UserError: naming what differs.
    """
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


def learner_state(learner: Learner) -> dict[str, Any]:
    """All that changes in a learner but for the weights that are evaluated."""
    averaged = learner.average is not None
    return {
        "step": learner.step,
        **({"weights": learner.detector.state_dict()} if averaged else {}),
        "optimizer": learner.optimizer.state_dict(),
        "schedule": learner.schedule.state_dict(),
    }


def restore_learner(learner: Learner, run: Run, state: Mapping[str, Any]) -> None:
    """As it was when `state` was taken.

    Raises:
        UserError: the model has other tensors, as when a plugin's code has changed.
    """
    try:
        run.detector.load_state_dict(state["model"])
        if "weights" in state:
            learner.detector.load_state_dict(state["weights"])
        learner.optimizer.load_state_dict(state["optimizer"])
    except (RuntimeError, ValueError) as error:
        reason = str(error).splitlines()[-1].strip()
        message = f"the checkpoint does not fit the model that the recipe builds now: {reason}"
        raise UserError(Problem(str(run.folder.path), message)) from error
    learner.schedule.load_state_dict(state["schedule"])
    learner.step = state["step"]
