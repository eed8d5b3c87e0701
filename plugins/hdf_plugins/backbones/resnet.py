"""Residual networks with torchvision's layers and parameter names.

Source: He et al., Deep Residual Learning for Image Recognition, CVPR 2016, table 1.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, ClassVar

from torch import Tensor, nn
from torchvision.models import resnet18, resnet50

from hdf_plugins.backbones.stages import StagedBackbone
from hdf_plugins.backbones.weights import check_source, load_pretrained


class ResNet(StagedBackbone):
    """A residual network without its classifier: five maps at strides 2, 4, 8, 16 and 32.

    The first is taken before the max-pooling, the others after each of the four stages of blocks.

    Args:
        in_channels: channels of the images, 1 for grey radiographs.
        weights: ``none`` starts from He's initialisation; ``imagenet`` loads torchvision's, by
            download or from its cache; anything else is the path of a state dict, ``.safetensors``
            or ``.pth``. Filters for RGB are summed when the images have one channel.
        freeze: how many of the five stages, counted from the image, stay fixed; the first is the
            7x7 convolution.

    Raises:
        ValueError: an option is out of range.
        hdf.UserError: the weights can't be fetched, read or fitted.
    """

    name: ClassVar[str]
    build: ClassVar[Callable[..., Any]]
    strides = (2, 4, 8, 16, 32)

    def __init__(self, *, in_channels: int = 1, weights: str = "none", freeze: int = 0) -> None:
        super().__init__()
        check_source(weights)
        net = type(self).build(weights=None)
        last = net.fc.in_features
        self.channels = (64, last // 8, last // 4, last // 2, last)
        self.layers = nn.Sequential(OrderedDict(list(net.named_children())[:-2]))
        self.layers.conv1 = _first_convolution(in_channels)
        if weights != "none":
            self.mean, self.std = load_pretrained(
                self.layers, weights, self.name, first="conv1.weight"
            )
        self.freeze(freeze)

    def stages(self) -> list[nn.Module]:
        """The first convolution with its norm, ReLU and pooling, then the four stages of blocks."""
        return [self.layers[:4], *self.layers[4:]]

    def forward(self, images: Tensor) -> list[Tensor]:
        """Images float [B, in_channels, H, W] to five maps [B, channels, ⌈H / s⌉, ⌈W / s⌉]."""
        convolution, norm, relu, pool, *stages = self.layers
        features: Tensor = relu(norm(convolution(images)))
        maps = [features]
        features = pool(features)
        for stage in stages:
            features = stage(features)
            maps.append(features)
        return maps


class ResNet18(ResNet):
    """Eighteen layers in basic blocks, 11 million parameters."""

    name = "resnet18"
    build = staticmethod(resnet18)


class ResNet50(ResNet):
    """Fifty layers in bottleneck blocks, 24 million parameters."""

    name = "resnet50"
    build = staticmethod(resnet50)


def _first_convolution(in_channels: int) -> nn.Conv2d:
    layer = nn.Conv2d(in_channels, 64, kernel_size=7, stride=2, padding=3, bias=False)
    nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
    return layer
