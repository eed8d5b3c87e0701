"""Optimisers, fused, the learning rate's schedule, and the average of the weights."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn, optim
from torch.optim.lr_scheduler import LambdaLR
from torch.optim.swa_utils import get_ema_multi_avg_fn

from hdf.models.detector import stages_of
from hdf.recipe import schema
from hdf.types import Backbone

ONE_CYCLE_START = 1 / 25
ONE_CYCLE_END = 1e-4


def build_optimizer(
    model: nn.Module,
    settings: schema.Adam | schema.AdamW | schema.SGD,
    factors: Mapping[nn.Parameter, float] | None = None,
) -> optim.Optimizer:
    """A fused optimiser; its first group holds the parameters without a factor on their rate."""
    groups: dict[float, list[nn.Parameter]] = {1.0: []}
    for parameter in model.parameters():
        if parameter.requires_grad:
            factor = (factors or {}).get(parameter, 1.0)
            groups.setdefault(factor, []).append(parameter)
    kinds: dict[str, Any] = {"adam": optim.Adam, "adamw": optim.AdamW, "sgd": optim.SGD}
    optimizer: optim.Optimizer = kinds[settings.use](
        [{"params": group, "lr": settings.lr * factor} for factor, group in groups.items()],
        fused=True,
        **settings.model_dump(exclude={"use"}),
    )
    return optimizer


def rate_factors(
    backbone: Backbone, backbone_lr: float, layer_decay: float
) -> dict[nn.Parameter, float]:
    """The factor on the rate of each of a backbone's parameters.

    A stage's is `backbone_lr`, times `layer_decay` for each stage that follows it (discriminative
    fine-tuning; Howard and Ruder 2018, section 3.2). A backbone without a method ``stages`` is one
    stage, and what is in no stage counts as part of the last.
    """
    factors = dict.fromkeys(backbone.parameters(), backbone_lr)
    for following, stage in enumerate(reversed(stages_of(backbone))):
        for parameter in stage.parameters():
            factors[parameter] = backbone_lr * layer_decay**following
    return factors


def build_schedule(
    optimizer: optim.Optimizer,
    settings: schema.Constant | schema.Cosine | schema.OneCycle,
    steps: int,
) -> LambdaLR:
    """A schedule that is stepped after every optimiser step, `steps` times."""
    ends = {"constant": 1.0, "one_cycle": ONE_CYCLE_END}
    end = settings.final if settings.use == "cosine" else ends[settings.use]
    one_cycle = settings.use == "one_cycle"
    warmup = round(settings.warmup * steps)

    def factor(step: int) -> float:
        if step < warmup:
            progress = (step + 1) / (warmup + 1)
            return _half_cosine(ONE_CYCLE_START, 1.0, progress) if one_cycle else progress
        return _half_cosine(1.0, end, (step - warmup) / max(1, steps - warmup))

    return LambdaLR(optimizer, factor)


def _half_cosine(start: float, end: float, progress: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * min(progress, 1.0))) / 2


class MovingAverage:
    """Keeps the average of a model's weights in `average`, another model with the same weights.

    Parameters are averaged, and so are floating buffers, such as the running statistics of a batch
    norm, which belong to the weights that they were measured with. Buffers of integers are copied.

    The decay of the weights so far is at most (1 + steps) / (10 + steps), so that the random start
    is soon forgotten (as in TensorFlow's ``ExponentialMovingAverage``).
    """

    def __init__(self, model: nn.Module, average: nn.Module, decay: float) -> None:
        self.model, self.average, self.decay = model, average, decay

    @torch.no_grad()
    def update(self, steps: int) -> None:
        """Take in the weights after a step, `steps` of which have been taken in before."""
        pairs = list(zip(_state(self.average), _state(self.model), strict=True))
        floating = [pair for pair in pairs if pair[0].is_floating_point()]
        averages, values = (list(tensors) for tensors in zip(*floating, strict=True))
        decay = min(self.decay, (1 + steps) / (10 + steps))
        average_lists = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        average_lists(averages, values, steps)
        for average, value in pairs:
            if not average.is_floating_point():
                average.copy_(value)


def _state(model: nn.Module) -> list[Tensor]:
    return [*model.parameters(), *model.buffers()]
