"""Tensors by name: the checksum of a file's, and how they differ from those that are expected."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

SHOWN = 3
"""Names of each kind that are told."""


def checksum(tensors: Mapping[str, Tensor], description: str) -> str:
    """SHA-256 of names, dtypes, shapes and values, on the CPU, and of the description."""
    import torch  # not above: plugins that hold no tensors import this package

    facts = {name: (str(value.dtype), list(value.shape)) for name, value in tensors.items()}
    found = hashlib.sha256(json.dumps([description, facts], sort_keys=True).encode())
    for name in sorted(tensors):
        # As bytes: numpy has no bfloat16.
        found.update(tensors[name].contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def misfits(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> str:
    """How a file's tensors differ from those expected; empty if they don't.

    Returns:
        Such as ``a, b (missing); c is 7 instead of 64x1x3x3 (of another shape)``.
    """
    kinds = {
        "missing": [name for name in expected if name not in found],
        "unexpected": [name for name in found if name not in expected],
        "of another shape": [
            f"{name} is {_shape(found[name])} instead of {_shape(value)}"
            for name, value in expected.items()
            if name in found and found[name].shape != value.shape
        ],
    }
    return "; ".join(f"{_first_of(names)} ({what})" for what, names in kinds.items() if names)


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a number"


def _first_of(names: list[str]) -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more
