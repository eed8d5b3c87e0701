"""What a model file promises: whether it can be, and which tensors it takes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from hdf.errors import Problem, UserError
from hdf.models.build import build_detector
from hdf.models.detector import ModelSpec
from hdf.models.optional import without_weights
from hdf.recipe.check import Part

SIDES = range(1, 4097)
MOST_AXES = 1000
RANDOM = (Tensor.normal_, Tensor.uniform_)


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
    if spec.backbone != without_weights(spec.backbone):
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


def promised_tensors(backbone: Part, head: Part, spec: ModelSpec) -> dict[str, Tensor] | None:
    """The tensors of a detector on the meta device: a file may describe one that fits no memory.

    Returns:
        None if the constructor of a plugin needs real values.
    """
    try:
        with torch.device("meta"), _Unfilled():
            return build_detector(backbone, head, spec).state_dict()
    except UserError:
        return None


class _Unfilled(TorchFunctionMode):
    """Skips the random initialisation of weights.

    On the meta device there is nothing to initialise, but PyTorch would import its compiler for it,
    which takes a second.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func in RANDOM or getattr(func, "__module__", None) == nn.init.__name__:
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)
