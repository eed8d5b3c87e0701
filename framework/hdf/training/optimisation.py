"""Optimisers, fused, and the learning rate's schedule."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

from hdf.recipe import schema

ONE_CYCLE_START = 1 / 25
ONE_CYCLE_END = 1e-4


def build_optimizer(
    model: nn.Module, settings: schema.Adam | schema.AdamW | schema.SGD
) -> torch.optim.Optimizer:
    """An optimiser over the parameters that learn."""
    learning = [parameter for parameter in model.parameters() if parameter.requires_grad]
    kinds: dict[str, Callable[..., torch.optim.Optimizer]] = {
        "adam": torch.optim.Adam,
        "adamw": torch.optim.AdamW,
        "sgd": torch.optim.SGD,
    }
    return kinds[settings.use](learning, fused=True, **settings.model_dump(exclude={"use"}))


def build_schedule(
    optimizer: torch.optim.Optimizer,
    settings: schema.Constant | schema.Cosine | schema.OneCycle,
    steps: int,
) -> LambdaLR:
    """A schedule that is stepped after every optimiser step, `steps` times."""
    shapes: dict[str, Callable[[float], float]] = {
        "constant": lambda progress: 1.0,
        "cosine": partial(_half_cosine, 1.0, getattr(settings, "final", 0.0)),
        "one_cycle": partial(_half_cosine, 1.0, ONE_CYCLE_END),
    }
    rise = _one_cycle_rise if settings.use == "one_cycle" else _linear_rise
    warmup = round(settings.warmup * steps)

    def factor(step: int) -> float:
        if step < warmup:
            return rise((step + 1) / (warmup + 1))
        return shapes[settings.use]((step - warmup) / max(1, steps - warmup))

    return LambdaLR(optimizer, factor)


def _linear_rise(progress: float) -> float:
    return progress


def _one_cycle_rise(progress: float) -> float:
    return _half_cosine(ONE_CYCLE_START, 1.0, progress)


def _half_cosine(start: float, end: float, progress: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * min(progress, 1.0))) / 2
