"""``deterministic: true``: the same to the bit, or a word why not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from hdf import UserError
from hdf.registry.registry import Registry, discover
from hdf.runtime import workers
from hdf.runtime.device import CUBLAS, choose_compute, repeatable
from hdf.runtime.resources import PORTION
from tests.training.test_run import digest, run

RESULTS = ("metrics.jsonl", "best.safetensors", "predictions.csv", "matches.csv")
EXACT = "deterministic=true"


def results(out: Path) -> list[str]:
    return [digest(out / name) for name in RESULTS]


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("first")
    run(recipe_in(folder), folder / "out", EXACT)
    return results(folder / "out")


def recipe_in(folder: Path) -> Path:
    from tests.conftest import TINY_RECIPE

    path = folder / "tiny.yaml"
    path.write_text(TINY_RECIPE)
    return path


def test_two_runs_are_the_same_to_the_bit(first: list[str], tmp_path: Path) -> None:
    run(recipe_in(tmp_path), tmp_path / "out", EXACT)
    assert results(tmp_path / "out") == first
    run(recipe_in(tmp_path), tmp_path / "other", EXACT, "seed=1")
    assert not set(results(tmp_path / "other")) & set(first)


@pytest.mark.usefixtures("rendered_anew")
@pytest.mark.parametrize("count", [1, 5])
def test_any_number_of_workers_gives_the_same(
    first: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    monkeypatch.setattr(workers, "workers", lambda: count)
    run(recipe_in(tmp_path), tmp_path / "out", EXACT)
    assert results(tmp_path / "out") == first


def test_images_that_stay_in_a_file_give_the_same(
    first: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hdf.runtime.resources.available_bytes", lambda device: PORTION)
    run(recipe_in(tmp_path), tmp_path / "out", EXACT, f"data.store={tmp_path / 'store'}")
    assert results(tmp_path / "out") == first


@pytest.mark.parametrize("free", [PORTION, 2**40])
def test_kept_features_do_not_depend_on_free_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int
) -> None:
    changes = (EXACT, "model.backbone.freeze=5", "augment=[]", "train.epochs=1")
    run(recipe_in(tmp_path), tmp_path / "first", *changes)
    monkeypatch.setattr("hdf.runtime.resources.available_bytes", lambda device: free)
    run(recipe_in(tmp_path), tmp_path / "second", *changes)
    assert results(tmp_path / "first") == results(tmp_path / "second")


def test_what_was_set_before_is_set_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CUBLAS, ":0:0")
    with repeatable(True, "recipe"):
        assert torch.are_deterministic_algorithms_enabled()
        assert os.environ[CUBLAS] == ":4096:8"
    assert not torch.are_deterministic_algorithms_enabled()
    assert os.environ[CUBLAS] == ":0:0"
    monkeypatch.delenv(CUBLAS)
    with pytest.raises(KeyError), repeatable(True, "recipe"):
        raise KeyError
    assert CUBLAS not in os.environ
    with repeatable(False, "recipe"):
        assert not torch.are_deterministic_algorithms_enabled()


def test_the_reason_for_float32_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    units = {"_is_avx512_bf16_supported": True, "_is_amx_tile_supported": False}
    for name, has in units.items():
        monkeypatch.setattr(torch.cpu, name, lambda has=has: has)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    reason = choose_compute("cpu", "auto").reason
    assert reason == "PyTorch is held to AVX2 here, which has no bfloat16 arithmetic"
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    assert choose_compute("cpu", "auto").reason == "this processor has no bfloat16 arithmetic"


PLUGIN = '''
import torch
import hdf
from hdf_plugins.heads.box_regression import BoxRegression

class Scattered(BoxRegression):
    """Writes where an index says, in no order."""

    def forward(self, features):
        found = super().forward(features)
        zeros = torch.zeros(4)
        zeros.put_(torch.tensor([0, 0]), torch.ones(2))
        return found

@hdf.hookimpl
def hdf_heads(register):
    register("scattered", Scattered)
'''


@pytest.fixture
def scattering(tmp_path: Path) -> Registry:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "scattering.py").write_text(PLUGIN)
    return discover(tmp_path / "plugins")


def test_an_operation_that_can_not_be_repeated_is_named(
    tmp_path: Path, scattering: Registry
) -> None:
    recipe, head = recipe_in(tmp_path), "model.head={use: scattered, hidden: [8]}"
    with pytest.raises(UserError) as caught:
        run(recipe, tmp_path / "out", EXACT, head, registry=scattering)
    message = f"command line: {EXACT} (deterministic): put_ has no form that repeats its results"
    assert str(caught.value).startswith(message)
    assert not caught.value.traceback
    assert not (tmp_path / "out").exists()
    run(recipe, tmp_path / "out", head, "train.epochs=1", registry=scattering)
