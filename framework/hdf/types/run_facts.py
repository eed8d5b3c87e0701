"""What the hooks of a run's events are told; nothing here imports torch."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from torch import nn

ENDS = "2027-06-01"
FORMER = {
    "augment": "run.recipe.augment",
    "checked": "run.resolved",
    "compute": "run.device and run.precision",
    "registry": "run.resolved",
    "split": "run.train_images and run.val_images, or split.csv in run.folder.path",
    "store": "run.labels, or split.csv in run.folder.path",
    "visualizers": "run.recipe.visualize",
}
"""What hooks were given before, and what to use instead."""


class RunFiles(Protocol):
    """The files of a run."""

    @property
    def path(self) -> Path:
        """The run folder."""
        ...

    @property
    def figures(self) -> Path:
        """The folder of the pictures."""
        ...

    @property
    def best(self) -> Path:
        """The model file, which is there when the run ends."""
        ...

    @property
    def metrics(self) -> Path:
        """``metrics.jsonl``, a line for each epoch so far."""
        ...


@dataclass(frozen=True, eq=False)
class RunFacts:
    """A run, as the hooks of its events see it.

    Attributes:
        name: the recipe's.
        folder: where the run writes.
        recipe: typed, without components' options: ``run.recipe.train.epochs``.
        resolved: the whole recipe as plain values, with every default filled in.
        labels: the recipe's ``data.labels``.
        device: such as ``cpu`` or ``cuda:0``.
        precision: ``float32`` or ``bfloat16``.
        processes: how many train together.
        train_images: how many are trained on.
        val_images: how many are reported.
        detector: the model that is evaluated and saved; look, but do not change.
    """

    name: str
    folder: RunFiles
    recipe: Any
    resolved: Mapping[str, Any]
    labels: tuple[str, ...]
    device: str
    precision: str
    processes: int
    train_images: int
    val_images: int
    detector: nn.Module
    engine: Any = field(default=None, repr=False)
    """hdf's own run, for `FORMER` names alone."""

    def __getattr__(self, name: str) -> Any:
        if name not in FORMER:
            raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
        message = f"run.{name} is no longer given to hooks from {ENDS} on; use {FORMER[name]}"
        warnings.warn(message, DeprecationWarning, stacklevel=2)
        return getattr(self.engine, name)
