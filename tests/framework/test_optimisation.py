"""Optimisers, schedules, precision, seeds."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from hdf.compute import choose_compute
from hdf.errors import UserError
from hdf.recipe import schema
from hdf.training.optimisation import build_optimizer, build_schedule
from hdf.training.seeds import seed_step, seed_weights

SCHEDULES: dict[str, Any] = {
    "constant": schema.Constant(use="constant", warmup=0.2),
    "cosine": schema.Cosine(use="cosine", warmup=0.2, final=0.1),
    "one_cycle": schema.OneCycle(use="one_cycle", warmup=0.5),
}


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        (schema.Adam(use="adam", lr=0.1), torch.optim.Adam),
        (schema.AdamW(use="adamw", lr=0.1), torch.optim.AdamW),
        (schema.SGD(use="sgd", lr=0.1), torch.optim.SGD),
    ],
)
def test_optimisers_learn_and_leave_frozen_parameters_alone(settings: Any, kind: type) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
    model[0].weight.requires_grad_(False)
    before = model[0].weight.clone()
    optimizer = build_optimizer(model, settings)
    assert type(optimizer) is kind
    given = torch.randn(32, 2)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = (model(given) - given.sum(1, keepdim=True)).square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 4
    assert torch.equal(model[0].weight, before)


def rates(name: str, steps: int = 100) -> list[float]:
    optimizer = torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=2.0)
    schedule = build_schedule(optimizer, SCHEDULES[name], steps)
    found = []
    for _ in range(steps):
        found.append(schedule.get_last_lr()[0])
        optimizer.step()
        schedule.step()
    return found


def test_constant_warms_up_and_stays() -> None:
    found = rates("constant")
    assert found[:20] == sorted(found[:20])
    assert 0 < found[0] < 0.2
    assert found[20:] == [2.0] * 80


def test_cosine_falls_to_its_final_part() -> None:
    found = rates("cosine")
    assert max(found) == found[20] == 2.0
    assert found[20:] == sorted(found[20:], reverse=True)
    assert found[-1] == pytest.approx(0.2, abs=0.01)


def test_one_cycle_rises_and_falls() -> None:
    found = rates("one_cycle")
    assert found[0] == pytest.approx(2 / 25, rel=0.05)
    assert max(found) == found[50] == 2.0
    assert found[-1] < 0.01


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("steps", [1, 2, 3])
def test_schedules_of_few_steps_are_positive(name: str, steps: int) -> None:
    assert all(rate > 0 for rate in rates(name, steps))


def test_auto_precision_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    chosen = choose_compute("cpu", "auto")
    assert chosen.precision == "bfloat16"
    assert "computes in bfloat16" in chosen.reason
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: False)
    assert choose_compute("cpu", "auto").precision == "float32"


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_autocast_follows_the_precision(precision: Any) -> None:
    compute = choose_compute("cpu", precision)
    with compute.autocast():
        found = nn.Linear(2, 2)(torch.zeros(1, 2)).dtype
    assert str(found) == f"torch.{precision}"


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_device_that_is_not_there_is_told() -> None:
    with pytest.raises(UserError, match="there is no device 'cuda' here"):
        choose_compute("cuda", "auto")


def test_seeds_decide() -> None:
    def draw() -> float:
        return float(torch.rand(1))

    seed_step(1, 2, 3)
    first = draw()
    seed_step(1, 2, 3)
    assert draw() == first
    seed_step(1, 2, 4)
    assert draw() != first
    seed_weights(1)
    assert draw() != first
