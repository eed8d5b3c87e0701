"""torchvision's MobileNetV3 as a backbone.

Source: Howard et al., Searching for MobileNetV3, ICCV 2019, tables 1 and 2.
"""

from __future__ import annotations

from typing import ClassVar

from torch import nn

from hdf_plugins.backbones.stages import FiveStages, initialize
from hdf_plugins.backbones.weights import Weights


class MobileNetV3(FiveStages):
    """MobileNetV3 without its classifier: five maps at strides 2, 4, 8, 16 and 32.

    Each map is the last of its size; the coarsest comes after the last 1x1 convolution.

    Args:
        freeze: how many of the five stages, counted from the image, stay fixed; each but the first
            begins where the map is halved.
        width: factor on the number of channels of every convolution, rounded to multiples of 8.
    """

    name: ClassVar[str]
    strides = (2, 4, 8, 16, 32)

    def __init__(
        self,
        *,
        in_channels: int = 1,
        weights: Weights = "none",
        freeze: int = 0,
        width: float = 1.0,
    ) -> None:
        super().__init__(weights, self.name, width)
        from torchvision.models import get_model  # not above: it takes seconds

        self.features: nn.Sequential = get_model(self.name, width_mult=width).features
        channels = self.features[0][0].out_channels
        self.features[0][0] = nn.Conv2d(in_channels, channels, 3, stride=2, padding=1, bias=False)
        initialize(self.features[0][0])
        strides = [[item.stride for item in _convolutions(layer)] for layer in self.features]
        _, *self._mapped = [i for i, found in enumerate(strides) if (2, 2) in found]
        self._ends = [*self._mapped, len(self.features)]
        self.channels = tuple(_convolutions(stage)[-1].out_channels for stage in self.stages())
        self.start(self, weights, self.name, freeze)


class MobileNetV3Large(MobileNetV3):
    """The larger of the two, 3 million parameters without its classifier."""

    name = "mobilenet_v3_large"


class MobileNetV3Small(MobileNetV3):
    """The smaller of the two, 1 million parameters without its classifier."""

    name = "mobilenet_v3_small"


def _convolutions(module: nn.Module) -> list[nn.Conv2d]:
    return [layer for layer in module.modules() if isinstance(layer, nn.Conv2d)]
