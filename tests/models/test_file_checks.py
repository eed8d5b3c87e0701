"""What a model file promises, without memory and without PyTorch's compiler."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch

from hdf.models.build import build_detector
from hdf.models.detector import ModelSpec
from hdf.models.file_checks import promised_tensors
from hdf.recipe.check import part_of
from hdf.registry.registry import Registry

HEART = {"labels": ("heart",), "image_size": (64, 64), "normalize": "image", "resize": "stretch"}
BACKBONES = ({"use": "vgg11", "width": 0.1}, {"use": "resnet18", "width": 0.1})
HEADS = ({"use": "box_regression", "hidden": [8]}, {"use": "edge_softargmax"}, {"use": "mask"})


@pytest.mark.parametrize("backbone", BACKBONES, ids=lambda part: part["use"])
@pytest.mark.parametrize("head", HEADS, ids=lambda part: part["use"])
def test_the_tensors_are_those_of_the_detector(
    registry: Registry, backbone: dict[str, Any], head: dict[str, Any]
) -> None:
    spec = ModelSpec(backbone=backbone, head=head, **HEART)  # type: ignore[arg-type]
    parts = (
        part_of(registry, "backbone", backbone, "here", "no"),
        part_of(registry, "head", head, "here", "no"),
    )
    built = build_detector(*parts, spec).state_dict()
    state = torch.get_rng_state()
    promised = promised_tensors(*parts, spec)
    assert promised is not None
    assert {name: (value.shape, value.dtype) for name, value in promised.items()} == {
        name: (value.shape, value.dtype) for name, value in built.items()
    }
    assert all(value.is_meta for value in promised.values())
    assert torch.equal(torch.get_rng_state(), state)


def test_a_model_is_loaded_without_the_compiler() -> None:
    script = (
        "import sys; from hdf.inference.load import load_predictor; load_predictor();"
        "print([name for name in ('torch._dynamo', 'sympy') if name in sys.modules])"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.stdout == "[]\n", done.stderr
