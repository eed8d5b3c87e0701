"""Optimisers, schedules, precision, seeds."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import nn

from hdf.errors import UserError
from hdf.models.detector import Detector, ModelSpec
from hdf.recipe import schema
from hdf.registry.registry import Registry
from hdf.runtime.device import choose_compute, seed_step, seed_weights
from hdf.training.optimisation import build_optimizer, build_schedule, rate_factors
from hdf_plugins.backbones.vgg import VGG11
from hdf_plugins.heads.box_regression import BoxRegression

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


class Staged(nn.Module):
    """Two stages, and a layer in neither."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.neck = (nn.Linear(2, 2) for _ in range(3))

    def stages(self) -> list[nn.Module]:
        return [self.first, self.second]


def test_a_stage_learns_more_slowly_than_the_one_behind_it() -> None:
    backbone = Staged()
    factors = rate_factors(backbone, backbone_lr=0.5, layer_decay=0.1)
    assert factors[backbone.first.weight] == pytest.approx(0.05)
    assert factors[backbone.second.bias] == 0.5
    assert factors[backbone.neck.weight] == 0.5


def test_a_backbone_without_the_method_is_one_stage() -> None:
    backbone = nn.Module()
    backbone.stages = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    assert set(rate_factors(backbone, 0.5, 0.1).values()) == {0.5}


@pytest.mark.parametrize("name", ["vgg11", "vgg16", "resnet18", "resnet50"])
def test_built_in_backbones_have_five_stages(registry: Registry, name: str) -> None:
    factors = rate_factors(registry.find("backbone", name).load()(), 1.0, 0.5)
    assert sorted(set(factors.values())) == [1 / 16, 1 / 8, 1 / 4, 1 / 2, 1]
    in_order = list(factors.values())
    assert in_order == sorted(in_order)  # parameters come from the image on


@pytest.mark.parametrize("use", ["adam", "adamw", "sgd"])
def test_parameters_with_a_factor_have_a_group_of_their_own(use: str) -> None:
    settings: Any = {"adam": schema.Adam, "adamw": schema.AdamW, "sgd": schema.SGD}[use]
    slow, other = nn.Linear(2, 2), nn.Linear(2, 2)
    factors = dict.fromkeys(slow.parameters(), 0.25)
    optimizer = build_optimizer(nn.Sequential(slow, other), settings(use=use, lr=0.4), factors)
    assert [group["lr"] for group in optimizer.param_groups] == [0.4, 0.1]
    assert optimizer.param_groups[0]["params"] == list(other.parameters())
    schedule = build_schedule(optimizer, SCHEDULES["constant"], 10)
    first, second = schedule.get_last_lr()
    assert second == pytest.approx(first / 4)


def test_a_head_without_weights_leaves_the_first_group_empty() -> None:
    model = nn.Linear(2, 2)
    before = model.weight.clone()
    factors = dict.fromkeys(model.parameters(), 0.5)
    optimizer = build_optimizer(model, schema.Adam(use="adam"), factors)
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    assert optimizer.param_groups[0]["params"] == []
    assert not torch.equal(model.weight, before)


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
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
    chosen = choose_compute("cpu", "auto")
    assert chosen.precision == "bfloat16"
    assert "computes in bfloat16" in chosen.reason
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    assert choose_compute("cpu", "auto").precision == "float32"
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX512")
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


@pytest.mark.parametrize(("precision", "allowed"), [("auto", True), ("float32", False)])
def test_float32_on_a_gpu_is_float32_where_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, precision: Any, allowed: bool
) -> None:
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    monkeypatch.setattr("hdf.runtime.device._device", lambda name: torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **options: True)
    try:
        choose_compute("cuda", precision)
        found = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
        assert found == ("high" if allowed else "highest", allowed)
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]


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


@pytest.mark.parametrize(
    ("settings", "plain"),
    [
        (schema.Adam(use="adam", lr=0.01, weight_decay=0.1), torch.optim.Adam),
        (schema.AdamW(use="adamw", lr=0.01, weight_decay=0.1), torch.optim.AdamW),
        (schema.SGD(use="sgd", lr=0.01, weight_decay=0.1), torch.optim.SGD),
    ],
)
def test_a_fused_optimiser_takes_the_same_steps(settings: Any, plain: Any) -> None:
    torch.manual_seed(0)
    fused = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))
    apart = deepcopy(fused)
    options = settings.model_dump(exclude={"use"})
    pairs = [
        (fused, build_optimizer(fused, settings)),
        (apart, plain(apart.parameters(), fused=False, **options)),
    ]
    given = torch.randn(20, 16, 3)
    for model, optimizer in pairs:
        for batch in given:
            optimizer.zero_grad()
            model(batch).square().mean().backward()
            optimizer.step()
    for ours, theirs in zip(fused.parameters(), apart.parameters(), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-6)


def _detector() -> Detector:
    torch.manual_seed(0)
    spec = ModelSpec({}, {}, "image", ("heart",), (64, 64), "letterbox")
    backbone = VGG11(width=0.125)
    return Detector(
        backbone, BoxRegression(backbone.channels, backbone.strides, ("heart",), (64, 64)), spec
    )


def test_channels_last_changes_rounding_alone() -> None:
    images = torch.rand(2, 1, 64, 64)
    first, last = _detector(), _detector().to(memory_format=torch.channels_last)
    assert last.backbone.features[3].weight.is_contiguous(memory_format=torch.channels_last)
    plain = first.head(first.backbone(first.normalize(images).contiguous()))
    assert torch.allclose(last(images), plain, atol=1e-5)


def test_bfloat16_moves_a_box_by_less_than_a_pixel() -> None:
    images, detector = torch.rand(4, 1, 64, 64), _detector().eval()
    nn.init.normal_(detector.head.layers[-1].weight, std=0.1)
    boxes = []
    for precision in ("float32", "bfloat16"):
        with torch.no_grad(), choose_compute("cpu", precision).autocast():
            raw = detector(images)
        boxes.append(torch.cat([found.boxes for found in detector.decode(raw)]))
    assert boxes[0].std() > 5  # no answer that is always the same
    assert 0 < float((boxes[0] - boxes[1]).abs().max()) < 1
