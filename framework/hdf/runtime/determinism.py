"""Results that are the same to the bit each time.

Random numbers depend on the seed and the position in the run alone.
"""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from hdf.errors import UserError, user_error

CUBLAS = "CUBLAS_WORKSPACE_CONFIG"
REPEATABLE = (":4096:8", ":16:8")
"""Values with which cuBLAS repeats its results (docs.nvidia.com/cuda/cublas, reproducibility)."""
REFUSAL = "does not have a deterministic implementation"
"""What PyTorch says of an operation that can't be repeated."""


@contextmanager
def repeatable(wanted: bool, where: str) -> Iterator[None]:
    """Let PyTorch take operations alone that give the same result each time.

    To be entered before CUDA starts, which reads cuBLAS's setting once. What was set before is set
    again at the end.

    Args:
        wanted: nothing is done where it is not.
        where: what asks for it, for messages.

    Raises:
        UserError: an operation has no such form on this device.
    """
    if not wanted:
        yield
        return
    with _settings():
        try:
            yield
        except (RuntimeError, UserError) as error:
            if REFUSAL not in str(error):
                raise
            raise _refused(str(error), where) from error


@contextmanager
def _settings() -> Iterator[None]:
    algorithms = torch.are_deterministic_algorithms_enabled()
    warns = torch.is_deterministic_algorithms_warn_only_enabled()
    tries, stated = torch.backends.cudnn.benchmark, os.environ.get(CUBLAS)
    if stated not in REPEATABLE:
        os.environ[CUBLAS] = REPEATABLE[0]
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(algorithms, warn_only=warns)
        torch.backends.cudnn.benchmark = tries
        if stated is None:
            os.environ.pop(CUBLAS, None)
        else:
            os.environ[CUBLAS] = stated


def _refused(message: str, where: str) -> UserError:
    before = message.partition(REFUSAL)[0].split()
    name = before[-1] if before else "an operation"
    return user_error(
        f"{name} has no form that repeats its results on this device; take another component, or "
        "deterministic: false",
        where,
    )


def seed_step(seed: int, epoch: int, step: int, rank: int = 0) -> None:
    """Seed dropout and all other random numbers of a step; each process has its own.

    The global generators of Python and numpy are seeded as well, for plugins that use them.
    """
    key = (seed, epoch, step, *([rank] if rank else []))
    torch.manual_seed(_mix(*key))
    random.seed(_mix(*key))
    np.random.seed(_mix(*key) % 2**32)  # noqa: NPY002 - a plugin may use the old generator


def seed_weights(seed: int) -> None:
    """Seed the initial weights."""
    torch.manual_seed(_mix(seed))


def _mix(*key: int) -> int:
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> np.uint64(1))
