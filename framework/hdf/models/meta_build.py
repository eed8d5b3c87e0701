"""What a model file promises, before any memory is spent on it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from hdf.errors import UserError
from hdf.models.build import build_detector
from hdf.models.detector import ModelSpec
from hdf.recipe.check import Part

RANDOM = (Tensor.normal_, Tensor.uniform_)


def promised_tensors(backbone: Part, head: Part, spec: ModelSpec) -> dict[str, Tensor] | None:
    """The tensors of a detector, without memory: a file may promise more than any machine has.

    Returns:
        None where a plugin's constructor needs real numbers.
    """
    try:
        with torch.device("meta"), _Unfilled():
            return build_detector(backbone, head, spec).state_dict()
    except UserError:
        return None


class _Unfilled(TorchFunctionMode):
    """Leaves out the drawing of random weights.

    Without memory there is nothing to fill, and PyTorch would import its compiler to do so, which
    takes a second.
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
