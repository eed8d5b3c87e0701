"""Starting from the weights of a model that was trained before."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor

from hdf.console.progress import Reporter
from hdf.errors import user_error
from hdf.models.detector import Detector
from hdf.models.file import read_tensors
from hdf.models.weights import find_models

COMPARED = ("labels", "image_size", "resize", "normalize")
"""What a detector is trained for; weights that were trained for something else may do badly."""


class Start(NamedTuple):
    """What a detector takes from a model's file, and the names that are left in either."""

    path: Path
    tensors: dict[str, Tensor]
    left: list[str]

    def summary(self) -> dict[str, Any]:
        """For ``summary.json``."""
        return {"from": str(self.path), "taken": len(self.tensors), "left": self.left}


def find_start(source: str, detector: Detector, reporter: Reporter) -> Start:
    """Find the tensors of a model file whose names and shapes fit a detector.

    The buffers of a head, such as the mean and spread of the boxes that it was fitted to, say what
    its weights mean. They are taken if all of the head's weights are and the labels are the same.

    Args:
        source: the name of a shipped model, a model file, or the folder of a run.

    Raises:
        UserError: it is no model of hdf's, or none of its weights fit.
    """
    found = find_models(source)
    if len(found) > 1:
        message = "a cross-validation holds a model for each fold; name the folder of one of them"
        raise user_error(message, where=source)
    path, own = found[0], detector.state_dict()
    spec, tensors = read_tensors(path)
    # What a file knows of its own training images says nothing of the next ones.
    offered = {name: value for name, value in tensors.items() if not name.startswith("doubt.")}
    fits = {name for name in own if name in offered and offered[name].shape == own[name].shape}
    weights = {name for name, _ in detector.named_parameters()}
    if not any(own[name].ndim > 1 for name in weights & fits):  # biases fit by chance
        message = f"no filter and no matrix of {path} fits this recipe's model in name and shape"
        raise user_error(message)
    head = {name for name in own if name.startswith("head.")}
    if not head & weights <= fits or spec.labels != detector.spec.labels:
        fits -= head - weights
    left = [name for name in dict.fromkeys([*own, *offered]) if name not in fits]
    reporter.say(f"starting from {path}: {len(fits)} tensors taken, {len(left)} left")
    for name in COMPARED:
        there, here = getattr(spec, name), getattr(detector.spec, name)
        if there != here:
            reporter.say(f"  it was trained with {name} {there}, not {here}")
    for name in left:
        reporter.say(f"  left: {name}")
    return Start(path, {name: offered[name] for name in own if name in fits}, left)
