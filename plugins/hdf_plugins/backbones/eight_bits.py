"""Weights in eight bits each, a quarter of their size: how a backbone travels inside the package.

``python -m hdf_plugins.backbones.eight_bits MODEL OUT`` packs the backbone of a model file.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

SCALE = ".scale"
LARGEST = 127


def to_eight_bits(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Round each filter to steps of 1/127 of its largest weight.

    Of a tensor [N, ...] each of the N is a filter, and a vector stays as it is.

    Returns:
        int8 filters under their names, and beside each tensor its steps float32 [N].

    Source: Krishnamoorthi, Quantizing Deep Convolutional Networks for Efficient Inference, 2018,
    section 3.1.2 (symmetric, per channel).
    """
    packed: dict[str, Tensor] = {}
    for name, value in state.items():
        if value.ndim < 2:
            packed[name] = value
            continue
        steps = value.flatten(1).abs().amax(1).clamp(min=torch.finfo(value.dtype).tiny) / LARGEST
        packed[name] = (value / _beside(steps, value)).round().to(torch.int8).contiguous()
        packed[name + SCALE] = steps
    return packed


def from_eight_bits(packed: dict[str, Tensor]) -> dict[str, Tensor]:
    """The state dict float32 that `to_eight_bits` packed; any other one as it is."""
    return {
        name: value * _beside(packed[name + SCALE], value) if name + SCALE in packed else value
        for name, value in packed.items()
        if not name.endswith(SCALE)
    }


def plain_state(backbone: Any) -> dict[str, Tensor]:
    """The weights of a VGG whose batch norms are folded, by the names of one without norms."""
    plain = type(backbone)(in_channels=1).state_dict()
    return dict(zip(plain, backbone.state_dict().values(), strict=True))


def _beside(steps: Tensor, value: Tensor) -> Tensor:
    return steps.reshape(-1, *[1] * (value.ndim - 1))


if __name__ == "__main__":
    from hdf.inference import load_predictor

    model, out = map(Path, sys.argv[1:])
    (detector,) = load_predictor(model).detectors  # prediction folds the batch norms
    save_file(to_eight_bits(plain_state(detector.backbone)), out, {"licence": "Apache-2.0"})
