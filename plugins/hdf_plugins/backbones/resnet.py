"""Residual networks with torchvision's layers and parameter names.

Source: He et al., Deep Residual Learning for Image Recognition, CVPR 2016, table 1. As in
torchvision, it is the 3x3 convolution of a bottleneck that halves the map, not the 1x1 before it.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import ClassVar

from torch import Tensor, nn

from hdf_plugins.backbones.stages import FiveStages, initialize, scaled
from hdf_plugins.backbones.weights import Weights


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut (figure 5, left).

    Maps [B, channels, h, w] become [B, width, ⌈h / stride⌉, ⌈w / stride⌉].
    """

    expansion: ClassVar[int] = 1

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = _convolution(channels, width, 3, stride)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = _convolution(width, width, 3)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = _shortcut(channels, width, stride)

    def forward(self, features: Tensor) -> Tensor:
        change = self.relu(self.bn1(self.conv1(features)))
        change = self.bn2(self.conv2(change))
        result: Tensor = self.relu(change + self.downsample(features))
        return result


class Bottleneck(nn.Module):
    """A 3x3 convolution between two of 1x1, beside a shortcut (figure 5, right).

    Maps [B, channels, h, w] become [B, 4 * width, ⌈h / stride⌉, ⌈w / stride⌉].
    """

    expansion: ClassVar[int] = 4

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = _convolution(channels, width, 1)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = _convolution(width, width, 3, stride)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = _convolution(width, 4 * width, 1)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _shortcut(channels, 4 * width, stride)

    def forward(self, features: Tensor) -> Tensor:
        change = self.relu(self.bn1(self.conv1(features)))
        change = self.relu(self.bn2(self.conv2(change)))
        change = self.bn3(self.conv3(change))
        result: Tensor = self.relu(change + self.downsample(features))
        return result


class ResNet(FiveStages):
    """A residual network without its classifier: five maps at strides 2, 4, 8, 16 and 32.

    The first is taken before the max-pooling, the others after each of the four stages of blocks.

    Args:
        freeze: how many of the five stages, counted from the image, stay fixed; the first is the
            7x7 convolution.
    """

    name: ClassVar[str]
    block: ClassVar[type[BasicBlock | Bottleneck]]
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
        self.channels = (widths[0], *(count * self.block.expansion for count in widths[1:]))
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
        channels = widths[0]
        for number, (width, count) in enumerate(zip(widths[1:], self.blocks, strict=True), 1):
            blocks = []
            for stride in (1 if number == 1 else 2, *[1] * (count - 1)):
                blocks.append(self.block(channels, width, stride))
                channels = width * self.block.expansion
            layers[f"layer{number}"] = nn.Sequential(*blocks)
        return nn.Sequential(OrderedDict(layers))


class ResNet18(ResNet):
    """Eighteen layers in basic blocks, 11 million parameters."""

    name, block, blocks = "resnet18", BasicBlock, (2, 2, 2, 2)


class ResNet50(ResNet):
    """Fifty layers in bottleneck blocks, 24 million parameters."""

    name, block, blocks = "resnet50", Bottleneck, (3, 4, 6, 3)


def _convolution(inputs: int, outputs: int, size: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, size, stride, padding=size // 2, bias=False)


def _shortcut(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    """The identity, or a projection where the block changes the map's shape (option B)."""
    if stride == 1 and inputs == outputs:
        return nn.Sequential()
    return nn.Sequential(_convolution(inputs, outputs, 1, stride), nn.BatchNorm2d(outputs))
