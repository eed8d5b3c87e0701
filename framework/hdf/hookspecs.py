"""The hooks that a plugin may implement; all are optional.

A component is registered under a name, with a target that is either the object itself or a
``"module:attribute"`` string, which is imported only when a recipe or ``hdf list-plugins NAME``
asks for it. A component's options are the keyword parameters of its class or function; they need
type hints, and defaults where they are optional.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Protocol

import pluggy

if TYPE_CHECKING:
    from hdf.types import RunFacts

API = "1"
"""The version of the plugin interface.

The module that holds a plugin's hooks may state the one that it is written for, as ``hdf_api``; hdf
refuses a plugin of another version.
"""

hookspec = pluggy.HookspecMarker("hdf")
hookimpl = pluggy.HookimplMarker("hdf")


class Register(Protocol):
    """Handed to every component hook."""

    def __call__(self, name: str, target: str | Callable[..., Any], *, summary: str = "") -> None:
        """Register one component.

        Args:
            name: what a recipe writes behind ``use``.
            target: the class or function, or ``"module:attribute"``.
            summary: one line for ``hdf list-plugins``.
        """


@hookspec
def hdf_loaders(register: Register) -> None:
    """Register loaders: ``records() -> list[hdf.Sample]``."""


@hookspec
def hdf_augmentations(register: Register) -> None:
    """Register augmentations: a class or function that gives a Kornia augmentation module."""


@hookspec
def hdf_backbones(register: Register) -> None:
    """Register backbones: an ``nn.Module`` from images [B, C, H, W] to a list of feature maps."""


@hookspec
def hdf_heads(register: Register) -> None:
    """Register heads: feature maps to raw outputs, their loss, and their decoding to boxes."""


@hookspec
def hdf_visualizers(register: Register) -> None:
    """Register visualizers: ``when`` and ``draw(view, folder) -> list[Path]``."""


@hookspec
def hdf_run_started(run: RunFacts) -> None:
    """Called when the data are read and the detector is built; again where a run goes on."""


@hookspec
def hdf_epoch_finished(run: RunFacts, epoch: int, metrics: Mapping[str, float]) -> None:
    """Called after each epoch; again where a run goes on that was stopped just then.

    Args:
        epoch: counted from 1.
        metrics: the epoch's line in ``metrics.jsonl``; scores are in it if the epoch validated.
    """


@hookspec
def hdf_run_finished(run: RunFacts, summary: Mapping[str, Any]) -> None:
    """Called once, at the end of a run that neither failed nor was interrupted.

    Args:
        summary: what ``summary.json`` holds.
    """
