"""The decoder of the dense heads: from a backbone's pyramid to one fine map."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class PyramidDecoder(nn.Module):
    """Decodes from the coarsest map to the map of one stride.

    Each step upsamples (nearest neighbour), concatenates the backbone's next finer map and applies
    one 3x3 convolution, like the expanding path of a U-Net (Ronneberger et al., MICCAI 2015).

    Args:
        channels: channels of each map, from fine to coarse.
        strides: image pixels per map pixel of each map.
        stride: stride of the resulting map.
        width: channels of the resulting map.

    Raises:
        ValueError: the backbone has no map of that stride, or `width` is below 1.
    """

    def __init__(
        self, channels: tuple[int, ...], strides: tuple[int, ...], stride: int, width: int
    ) -> None:
        super().__init__()
        if stride not in strides:
            there = ", ".join(map(str, strides))
            raise ValueError(f"the backbone has no map of stride {stride}; its strides are {there}")
        if width < 1:
            raise ValueError(f"width is a number of channels, at least 1, not {width}")
        self._first = strides.index(stride)
        self.coarsest = _convolution(channels[-1], width)
        finer = channels[self._first : -1][::-1]
        self.steps = nn.ModuleList(_convolution(width + count, width) for count in finer)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Maps [B, C_i, h_i, w_i] to one map [B, width, h, w] of the chosen stride."""
        found: Tensor = self.coarsest(features[-1])
        for step, feature in zip(self.steps, features[self._first : -1][::-1], strict=True):
            enlarged = F.interpolate(found, size=feature.shape[-2:], mode="nearest")
            found = step(torch.cat([enlarged, feature], 1))
        return found


def _convolution(inputs: int, outputs: int) -> nn.Sequential:
    convolution = nn.Conv2d(inputs, outputs, kernel_size=3, padding=1, bias=False)
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    return nn.Sequential(convolution, nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))
