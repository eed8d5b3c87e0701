"""A checksum of tensors and of what a file says of them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping

import torch
from torch import Tensor


def checksum(tensors: Mapping[str, Tensor], description: str) -> str:
    """SHA-256 in hexadecimal; changes with any name, dtype, shape, value, or the description.

    Args:
        tensors: on the CPU.
    """
    facts = {name: (str(value.dtype), list(value.shape)) for name, value in tensors.items()}
    found = hashlib.sha256(json.dumps([description, facts], sort_keys=True).encode())
    for name in sorted(tensors):
        # As bytes: numpy has no bfloat16.
        found.update(tensors[name].contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()
