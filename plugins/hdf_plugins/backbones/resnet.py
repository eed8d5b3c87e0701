"""Residual networks with torchvision's layers and parameter names.

Source: He et al., Deep Residual Learning for Image Recognition, CVPR 2016, table 1. As in
torchvision, it is the 3x3 convolution of a bottleneck that halves the map, not the 1x1 before it.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import ClassVar

from torch import Tensor, nn
from torch.nn.functional import relu

from hdf_plugins.backbones.stages import FiveStages, initialize, scaled
from hdf_plugins.backbones.weights import Weights

Layers = tuple[tuple[int, int], ...]
"""Of a block: the size of each convolution, and its channels as a multiple of the block's width."""
BASIC: Layers = ((3, 1), (3, 1))  # figure 5, left
BOTTLENECK: Layers = ((1, 1), (3, 1), (1, 4))  # figure 5, right


class Block(nn.Module):
    """Convolutions beside a shortcut; the first of 3x3 has the stride.

    Maps [B, channels, h, w] become [B, last factor * width, ⌈h / stride⌉, ⌈w / stride⌉].
    """

    def __init__(self, channels: int, width: int, stride: int, layers: Layers) -> None:
        super().__init__()
        inputs, strided = channels, [size for size, _ in layers].index(3)
        for i, (size, factor) in enumerate(layers):
            own = stride if i == strided else 1
            self.add_module(f"conv{i + 1}", _convolution(inputs, factor * width, size, own))
            self.add_module(f"bn{i + 1}", nn.BatchNorm2d(factor * width))
            inputs = factor * width
        self.downsample = _shortcut(channels, inputs, stride)

    def forward(self, features: Tensor) -> Tensor:
        first, norm, *others, shortcut = self.children()
        change = norm(first(features))
        for layer, norm in zip(others[::2], others[1::2], strict=True):
            change = norm(layer(relu(change, inplace=True)))
        return relu(change + shortcut(features), inplace=True)


class ResNet(FiveStages):
    """A residual network without its classifier: five maps at strides 2, 4, 8, 16 and 32.

    The first is taken before the max-pooling, the others after each of the four stages of blocks.

    Args:
        freeze: how many of the five stages, counted from the image, stay fixed; the first is the
            7x7 convolution.
    """

    name: ClassVar[str]
    layout: ClassVar[Layers]
    blocks: ClassVar[tuple[int, ...]]
    strides = (2, 4, 8, 16, 32)
    _mapped, _ends = (3, 5, 6, 7), (4, 5, 6, 7, 8)

    def __init__(
        self,
        *,
        in_channels: int = 1,
        weights: Weights = "none",
        freeze: int = 0,
        width: float = 1.0,
    ) -> None:
        super().__init__(weights, self.name, width)
        widths = [scaled(count, width) for count in (64, 64, 128, 256, 512)]
        self.channels = (widths[0], *(count * self.layout[-1][1] for count in widths[1:]))
        self.layers = self._build(widths)
        # Drawn and dropped: a seed gives the weights that it gave when torchvision built the net.
        nn.Linear(self.channels[-1], 1000)
        self.layers.apply(initialize)
        self.layers.conv1 = _convolution(in_channels, widths[0], 7, 2)
        self.layers.conv1.apply(initialize)
        self.start(self.layers, weights, self.name, freeze)

    def _build(self, widths: list[int]) -> nn.Sequential:
        layers: dict[str, nn.Module] = {
            "conv1": _convolution(3, widths[0], 7, 2),
            "bn1": nn.BatchNorm2d(widths[0]),
            "relu": nn.ReLU(inplace=True),
            "maxpool": nn.MaxPool2d(3, stride=2, padding=1),
        }
        for i, count in enumerate(self.blocks):
            before, after, width = *self.channels[i : i + 2], widths[i + 1]
            blocks = [Block(before, width, 2 if i else 1, self.layout)]
            blocks += [Block(after, width, 1, self.layout) for _ in range(count - 1)]
            layers[f"layer{i + 1}"] = nn.Sequential(*blocks)
        return nn.Sequential(OrderedDict(layers))


class ResNet18(ResNet):
    """Eighteen layers in basic blocks, 11 million parameters."""

    name, layout, blocks = "resnet18", BASIC, (2, 2, 2, 2)


class ResNet50(ResNet):
    """Fifty layers in bottleneck blocks, 24 million parameters."""

    name, layout, blocks = "resnet50", BOTTLENECK, (3, 4, 6, 3)


def _convolution(inputs: int, outputs: int, size: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False)


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    """The identity, or a projection where the block changes the map's shape (option B)."""
    if stride == 1 and inputs == outputs:
        return nn.Sequential()
    return nn.Sequential(_convolution(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))
