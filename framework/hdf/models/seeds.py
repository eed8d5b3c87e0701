"""Random numbers that depend on the seed and the position in the run alone."""

from __future__ import annotations

import random

import numpy as np
import torch


def seed_step(seed: int, epoch: int, step: int, rank: int = 0) -> None:
    """Seed dropout and all else that is drawn in one step; each process draws its own.

    Python's and numpy's own generators are seeded as well, for plugins that use them.
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
