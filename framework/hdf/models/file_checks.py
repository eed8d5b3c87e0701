"""Whether a detector can be what a model file says."""

from __future__ import annotations

import math
from collections.abc import Iterator

from hdf.errors import Problem, UserError
from hdf.models.detector import ModelSpec

SIDES = range(1, 4097)
MOST_AXES = 1000


def refuse_impossible(spec: ModelSpec, where: str) -> None:
    """Refuse a description that no detector of hdf's can have.

    Raises:
        UserError: with all that can't be.
    """
    found = [Problem(where, f"no model that hdf wrote: {fault}") for fault in _faults(spec)]
    if found:
        raise UserError(found)


def _faults(spec: ModelSpec) -> Iterator[str]:
    for name, use in {"backbone": spec.backbone, "head": spec.head}.items():
        if not isinstance(use.get("use"), str):
            yield f"its {name} has no name"
    if spec.backbone.get("weights", "none") != "none":
        yield "its backbone wants weights from elsewhere"
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
