"""A compiled detector learns the same, and a compiler that fails is told."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import pytest
import torch

from hdf.errors import UserError
from tests.conftest import read_jsonl
from tests.training.test_run import run


def test_results_change_by_rounding_alone(
    tiny_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graphs: list[int] = []

    def backend(graph: Any, inputs: Any) -> Any:  # inductor would take half a minute
        graphs.append(len(inputs))
        return graph.forward

    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=backend))
    for name, value in {"plain": "false", "compiled": "true"}.items():
        overrides = ("visualize=[]", "train.ema=0.9", f"train.compile={value}")
        run(tiny_recipe, tmp_path / name, *overrides)
        assert bool(graphs) is (name == "compiled")
    plain, compiled = (
        read_jsonl(tmp_path / name / "metrics.jsonl") for name in ("plain", "compiled")
    )
    for ours, theirs in zip(compiled, plain, strict=True):
        assert ours == pytest.approx(theirs, abs=1e-5)


def test_a_compiler_that_fails_is_a_user_s_error(
    tiny_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def backend(graph: Any, inputs: Any) -> NoReturn:
        raise RuntimeError("no C++ compiler")

    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=backend))
    with pytest.raises(UserError, match=r"train\.compile.*no C\+\+ compiler.*leave out"):
        run(tiny_recipe, tmp_path / "run", "train.compile=true")
