"""Random numbers that depend on the seed and the position in the run alone."""

from __future__ import annotations

import numpy as np
import torch


def seed_step(seed: int, epoch: int, step: int, rank: int = 0) -> None:
    """Seed dropout and all else that a model draws in one step; each process draws its own."""
    torch.manual_seed(_mix(seed, epoch, step, *([rank] if rank else [])))


def seed_weights(seed: int) -> None:
    """Seed the initial weights."""
    torch.manual_seed(_mix(seed))


def _mix(*key: int) -> int:
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> np.uint64(1))
