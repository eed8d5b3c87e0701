"""An exponential moving average of the weights."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import get_ema_multi_avg_fn


class MovingAverage:
    """Keeps the average of a model's weights in another model.

    Parameters are averaged, and so are floating buffers, such as the running statistics of a batch
    norm, which belong to the weights that they were measured with. Buffers of integers are copied.
    What does not change, such as a frozen stage or the spread of the boxes, is the same in both.

    The first steps count less: the decay is at most (1 + steps) / (10 + steps), so that the random
    start is soon forgotten (as in TensorFlow's ``ExponentialMovingAverage``).

    Args:
        model: what learns.
        average: takes the average; another model with the same weights.
        decay: of the weights so far, at each step; 0 to below 1.
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
