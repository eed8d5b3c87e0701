"""A backbone that learns nothing runs once for each image, and nothing else changes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from hdf.models import feature_cache
from hdf.models.detector import Detector, ModelSpec
from hdf.models.feature_cache import FeatureCache, is_fixed
from hdf.runtime.device import choose_compute
from hdf.types import Batch, pad_targets
from hdf_plugins.backbones.vgg import VGG, VGG11
from tests.conftest import read_jsonl
from tests.training.test_run import run

COMPUTE = choose_compute("cpu", "float32")


class Pair(nn.Module):
    """Reads two of six maps; one of them without a gradient."""

    def forward(self, maps: Sequence[Tensor]) -> dict[str, Any]:
        return {"a": maps[2].mean((1, 2, 3)), "b": [maps[5].detach().amax((1, 2, 3))]}


def detector(freeze: int = 5, batch_norm: bool = False) -> Detector:
    torch.manual_seed(0)
    backbone = VGG11(width=0.0625, freeze=freeze, batch_norm=batch_norm)
    spec = ModelSpec({}, {}, "image", ("heart",), (32, 32), "letterbox")
    return Detector(backbone, Pair(), spec)


def batch(*index: int) -> Batch:
    images = torch.stack([torch.rand(1, 32, 32, generator=_seeded(i)) for i in index])
    none = pad_targets([torch.zeros(0, 4)] * len(index), [torch.zeros(0).long()] * len(index))
    return Batch(images, none, torch.tensor(index))


def _seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of images in each pass through a VGG."""
    counts: list[int] = []
    forward = VGG.forward

    def counted(self: VGG, images: Tensor) -> list[Tensor]:
        counts.append(len(images))
        return forward(self, images)

    monkeypatch.setattr(VGG, "forward", counted)
    return counts


def test_maps_are_computed_once_and_stay_the_same(calls: list[int]) -> None:
    model, cache = detector(), FeatureCache(6, COMPUTE)
    cache.features(model, batch(4, 1))
    with torch.inference_mode():  # as validation does
        cache.features(model, batch(0, 2, 5))
    assert calls == [2, 3]
    mixed = batch(1, 5, 0)
    found = model.run_head(cache.features(model, mixed))
    assert calls == [2, 3]
    expected = model(mixed.images)
    assert torch.allclose(found["a"], expected["a"], atol=1e-6)
    assert torch.allclose(found["b"][0], expected["b"][0], atol=1e-6)


def test_an_image_that_is_not_known_is_computed(calls: list[int]) -> None:
    model, cache = detector(), FeatureCache(6, COMPUTE)
    cache.features(model, batch(4, 1))
    cache.features(model, batch(1, 3))
    assert calls == [2, 2]


def test_maps_that_the_head_does_not_read_take_no_memory() -> None:
    model, cache = detector(), FeatureCache(6, COMPUTE)
    cache.features(model, batch(4, 1))
    kept = cache.features(model, batch(4, 1))
    assert [bool(item.stride(0)) for item in kept] == [False, False, True, False, False, True]
    assert [item.shape for item in kept] == [
        item.shape for item in model.features(batch(1, 4).images)
    ]


def test_nothing_is_kept_where_memory_is_short(
    monkeypatch: pytest.MonkeyPatch, calls: list[int]
) -> None:
    monkeypatch.setattr(feature_cache, "fits", lambda count, device: False)
    model, cache = detector(), FeatureCache(6, COMPUTE)
    for _ in range(2):
        found = model.run_head(cache.features(model, batch(4, 1)))
    assert calls == [2, 2]
    assert torch.equal(found["a"], model(batch(4, 1).images)["a"])


def test_what_learns_or_varies_is_not_fixed() -> None:
    assert is_fixed(detector(5).train().backbone)
    assert is_fixed(detector(5, batch_norm=True).train().backbone)
    assert not is_fixed(detector(4).train().backbone)
    varying = detector(5).train().backbone
    varying.dropout = nn.Dropout()
    assert not is_fixed(varying)


FROZEN = "model.backbone={use: vgg11, width: 0.125, freeze: 5}"


@pytest.mark.parametrize(
    ("augment", "passes"),
    # A trial of two; the 2 images to validate before the first step; then 8 to train.
    [("[]", [2, 2, 4, 4]), ("[{use: gamma}]", [2, 2, 4, 4, 4, 4])],
)
def test_a_run_is_the_same_with_fewer_passes(
    tiny_recipe: Path, tmp_path: Path, calls: list[int], augment: str, passes: list[int]
) -> None:
    overrides = (FROZEN, f"augment={augment}", "visualize=[]")
    run(tiny_recipe, tmp_path / "kept", *overrides)
    assert calls[: len(passes)] == passes
    assert sum(calls[len(passes) :]) == 0
    run(tiny_recipe, tmp_path / "anew", *overrides, "train.cache_features=false")
    kept, anew = (read_jsonl(tmp_path / name / "metrics.jsonl") for name in ("kept", "anew"))
    for ours, theirs in zip(kept, anew, strict=True):
        assert ours == pytest.approx(theirs, abs=1e-5)
