"""VGG's convolutions with torchvision's layers and parameter names.

Source: Simonyan and Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition,
ICLR 2015, table 1, columns A, B, D and E.
"""

from __future__ import annotations

from typing import ClassVar

from torch import nn

from hdf_plugins.backbones.stages import FiveStages, initialize, scaled
from hdf_plugins.backbones.weights import Weights


class VGG(FiveStages):
    """VGG without its classifier: six maps at strides 1, 2, 4, 8, 16 and 32.

    The first five are taken before each pooling, the last after the fifth. Pooling leaves out an
    odd last row and column, so a side that is no multiple of 32 loses up to 31 pixels.

    Args:
        batch_norm: normalise after every convolution.
    """

    name: ClassVar[str]
    convolutions: ClassVar[tuple[int, ...]]
    strides = (1, 2, 4, 8, 16, 32)

    def __init__(
        self,
        *,
        in_channels: int = 1,
        weights: Weights = "none",
        batch_norm: bool = False,
        freeze: int = 0,
        width: float = 1.0,
    ) -> None:
        name = f"{self.name}_bn" if batch_norm else self.name
        super().__init__(weights, name, width)
        channels = [scaled(count, width) for count in (64, 128, 256, 512, 512)]
        self.channels = (*channels, channels[-1])
        self.features = _layers(channels, self.convolutions, batch_norm)
        # Replaced, so that a seed gives the weights that it gave when torchvision built the layers.
        self.features[0] = nn.Conv2d(in_channels, channels[0], kernel_size=3, padding=1)
        self.features.apply(initialize)
        pools = [i for i, layer in enumerate(self.features) if isinstance(layer, nn.MaxPool2d)]
        self._mapped, self._ends = pools, [i + 1 for i in pools]
        self.start(self, weights, name, freeze)


class VGG11(VGG):
    """Eight convolutions (column A)."""

    name = "vgg11"
    convolutions = (1, 1, 2, 2, 2)


class VGG13(VGG):
    """Ten convolutions (column B)."""

    name = "vgg13"
    convolutions = (2, 2, 2, 2, 2)


class VGG16(VGG):
    """Thirteen convolutions (column D)."""

    name = "vgg16"
    convolutions = (2, 2, 3, 3, 3)


class VGG19(VGG):
    """Sixteen convolutions (column E)."""

    name = "vgg19"
    convolutions = (2, 2, 4, 4, 4)


def _layers(channels: list[int], convolutions: tuple[int, ...], batch_norm: bool) -> nn.Sequential:
    """Stages of 3x3 convolutions, each ended by a pooling."""
    layers: list[nn.Module] = []
    before = 3
    for width, count in zip(channels, convolutions, strict=True):
        for _ in range(count):
            layers.append(nn.Conv2d(before, width, kernel_size=3, padding=1))
            layers += [nn.BatchNorm2d(width)] if batch_norm else []
            layers.append(nn.ReLU(inplace=True))
            before = width
        layers.append(nn.MaxPool2d(kernel_size=2))
    return nn.Sequential(*layers)
