"""Averaged weights: what is averaged, what is copied, and how the decay begins."""

from __future__ import annotations

from copy import deepcopy

import pytest
import torch
from torch import nn

from hdf.training.optimisation import MovingAverage


def followed(model: nn.Module, decay: float) -> tuple[nn.Module, MovingAverage]:
    average = deepcopy(model)
    return average, MovingAverage(model, average, decay)


@torch.no_grad()
def test_the_decay_rises_to_its_value() -> None:
    model = nn.Linear(1, 1, bias=False)
    model.weight.fill_(0.0)
    average, moving = followed(model, 0.25)
    expected = 0.0
    for steps, value in enumerate([1.0, -2.0, 5.0, 3.0]):
        model.weight.fill_(value)
        moving.update(steps)
        decay = [1 / 10, 2 / 11, 3 / 12, 0.25][steps]  # of which the last two are equal
        expected = decay * expected + (1 - decay) * value
        assert average.weight.item() == pytest.approx(expected)


def test_running_statistics_are_averaged_and_counters_copied() -> None:
    model = nn.BatchNorm1d(2)
    average, moving = followed(model, 0.5)
    for steps in range(3):
        before = average.running_mean.clone()
        model(torch.randn(8, 2) + 4)
        moving.update(steps)
        decay = min(0.5, (1 + steps) / (10 + steps))
        mean = decay * before + (1 - decay) * model.running_mean
        torch.testing.assert_close(average.running_mean, mean)
    assert average.num_batches_tracked == model.num_batches_tracked == 3


def test_what_does_not_change_is_the_same_to_the_bit() -> None:
    model = nn.Module()
    model.register_buffer("spread", torch.rand(100))
    model.frozen = nn.Linear(30, 30).requires_grad_(False)
    average, moving = followed(model, 0.999)
    for steps in range(50):
        moving.update(steps)
    for name, value in model.state_dict().items():
        assert torch.equal(average.state_dict()[name], value)


def test_a_replaced_buffer_is_followed() -> None:
    model = nn.Module()
    model.register_buffer("mean", torch.zeros(3))
    average, moving = followed(model, 0.0)
    model.mean = torch.ones(3)
    moving.update(0)
    assert average.mean.tolist() == [1.0, 1.0, 1.0]
