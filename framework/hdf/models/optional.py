"""What a component may offer beyond its kind's Protocol; each attribute is read here alone."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, Literal, cast

from torch import nn

from hdf.types import ExportableHead, FittedHead


def expected_by(backbone: object, name: Literal["mean", "std"]) -> tuple[float, ...] | None:
    """What a `hdf.types.NormalizedBackbone` states; a buffer of that name is its own affair."""
    value = getattr(backbone, name, None)
    return tuple(map(float, value)) if isinstance(value, tuple | list) else None


def stages_of(backbone: object) -> list[nn.Module]:
    """The parts of a `hdf.types.StagedBackbone`, from the image on; none of any other."""
    # A module that happens to be called ``stages`` may leave out what comes before it.
    method = getattr(backbone, "stages", None)
    return list(method()) if inspect.ismethod(method) else []


def fitted(head: object) -> FittedHead | None:
    """A head that measures the training targets, as such."""
    return cast("FittedHead", head) if hasattr(head, "fit") else None


def uses_masks(head: object) -> bool:
    """Whether a head, or a class of heads, is a `hdf.types.MaskHead`."""
    return bool(getattr(head, "uses_masks", False))


def exportable(head: object) -> ExportableHead | None:
    """A head whose answers have fixed shapes, as such."""
    return cast("ExportableHead", head) if hasattr(head, "answers") else None


def without_weights(backbone: Mapping[str, Any]) -> dict[str, Any]:
    """``{"use": name, option: value, …}`` of a backbone that starts from random weights."""
    return {key: "none" if key == "weights" else value for key, value in backbone.items()}
