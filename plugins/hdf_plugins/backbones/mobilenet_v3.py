"""torchvision's MobileNetV3 as a backbone.

Source: Howard et al., Searching for MobileNetV3, ICCV 2019, tables 1 and 2.
"""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar

from torch import Tensor, nn

from hdf_plugins.backbones.stages import FiveStages, check_options, initialize
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
        super().__init__()
        from torchvision.models import get_model  # not above: it takes seconds

        check_options(weights, self.name, width)
        self.features: nn.Sequential = get_model(self.name, width_mult=width).features
        channels = self.features[0][0].out_channels
        self.features[0][0] = nn.Conv2d(in_channels, channels, 3, stride=2, padding=1, bias=False)
        initialize(self.features[0][0])
        strides = [[item.stride for item in _convolutions(layer)] for layer in self.features]
        self._starts = [i for i, found in enumerate(strides) if (2, 2) in found]
        self.channels = tuple(_convolutions(stage)[-1].out_channels for stage in self.stages())
        self.start(self, weights, self.name, "features.0.0.weight", freeze)

    def stages(self) -> list[nn.Module]:
        """The layers cut before every one that halves the map."""
        return [self.features[start:end] for start, end in pairwise([*self._starts, None])]

    def forward(self, images: Tensor) -> list[Tensor]:
        """Images float [B, in_channels, H, W] to five maps [B, channels, ⌈H / s⌉, ⌈W / s⌉]."""
        maps: list[Tensor] = []
        features = images
        for index, layer in enumerate(self.features):
            if index in self._starts[1:]:
                maps.append(features)
            features = layer(features)
        return [*maps, features]


class MobileNetV3Large(MobileNetV3):
    """The larger of the two, 3 million parameters without its classifier."""

    name = "mobilenet_v3_large"


class MobileNetV3Small(MobileNetV3):
    """The smaller of the two, 1 million parameters without its classifier."""

    name = "mobilenet_v3_small"


def _convolutions(module: nn.Module) -> list[nn.Conv2d]:
    return [layer for layer in module.modules() if isinstance(layer, nn.Conv2d)]
