"""Whether a detector can be what a model file says, and whether the file's tensors are its own."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from torch import Tensor

from hdf.errors import Problem, UserError
from hdf.models.detector import ModelSpec

SIDES = range(1, 4097)
MOST_AXES = 1000
SHOWN = 3


def refuse_impossible(spec: ModelSpec, where: str) -> None:
    """Refuse a description that no detector can have.

    Raises:
        UserError: with everything that is impossible.
    """
    found = [Problem(where, f"not a model that hdf wrote: {fault}") for fault in _faults(spec)]
    if found:
        raise UserError(found)


def _faults(spec: ModelSpec) -> Iterator[str]:
    for name, use in {"backbone": spec.backbone, "head": spec.head}.items():
        if not isinstance(use.get("use"), str):
            yield f"its {name} has no name"
    if spec.backbone.get("weights", "none") != "none":
        yield "its backbone needs weights from elsewhere"
    if not spec.labels or len(set(spec.labels)) < len(spec.labels):
        yield f"its labels {', '.join(spec.labels) or 'are missing'}; expected different names"
    if not set(spec.image_size) <= set(SIDES):
        yield f"its image size is {spec.image_size}; expected 1 to {SIDES[-1]} pixels"
    if spec.in_channels not in (1, 3):
        yield f"its images have {spec.in_channels} channels; expected 1 or 3"
    if not 0 <= spec.doubt <= MOST_AXES:
        yield f"its doubt has {spec.doubt} axes; expected 0 to {MOST_AXES}"
    for name, values in {"mean": spec.mean, "std": spec.std}.items():
        if len(values) not in (1, spec.in_channels) or not all(map(math.isfinite, values)):
            yield f"its {name} is {values}; expected a finite number, or one a channel"
    if not all(spec.std):
        yield "its std is 0"


def misfits(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> str:
    """The differences between a file's tensors and a detector's, the first few of each kind."""
    kinds = {
        "missing": [name for name in expected if name not in found],
        "unknown": [name for name in found if name not in expected],
        "of another shape": [
            f"{name} is {_shape(found[name])} instead of {_shape(value)}"
            for name, value in expected.items()
            if name in found and found[name].shape != value.shape
        ],
    }
    return "; ".join(f"{_first_of(names)} ({what})" for what, names in kinds.items() if names)


def _shape(tensor: Tensor) -> str:
    return " x ".join(map(str, tensor.shape)) or "a number"


def _first_of(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
