"""VGG's convolutions with torchvision's layers and parameter names.

Source: Simonyan and Zisserman, Very Deep Convolutional Networks for Large-Scale Image Recognition,
ICLR 2015, table 1, columns A, B, D and E.
"""

from __future__ import annotations

from itertools import pairwise
from typing import ClassVar

from torch import Tensor, nn
from torchvision.models.vgg import cfgs, make_layers

from hdf_plugins.backbones.stages import StagedBackbone
from hdf_plugins.backbones.weights import check_source, load_pretrained


class VGG(StagedBackbone):
    """VGG without its classifier: six maps at strides 1, 2, 4, 8, 16 and 32.

    The first five are taken before each pooling, the last after the fifth. Pooling leaves out an
    odd last row and column.

    Args:
        in_channels: channels of the images, 1 for grey radiographs.
        weights: ``none`` starts from He's initialisation; ``imagenet`` loads torchvision's, by
            download or from its cache; anything else is the path of a state dict, ``.safetensors``
            or ``.pth``. Filters for RGB are summed when the images have one channel.
        batch_norm: normalise after every convolution.
        freeze: how many of the five convolution stages, counted from the image, stay fixed.
        width: factor on the number of channels of every convolution.

    Raises:
        ValueError: an option is out of range, or ``imagenet`` is asked for at another width.
        hdf.UserError: the weights can't be fetched, read or fitted.
    """

    name: ClassVar[str]
    layout: ClassVar[str]
    strides = (1, 2, 4, 8, 16, 32)

    def __init__(
        self,
        *,
        in_channels: int = 1,
        weights: str = "none",
        batch_norm: bool = False,
        freeze: int = 0,
        width: float = 1.0,
    ) -> None:
        super().__init__()
        _check_width(width, weights)
        check_source(weights)
        plan = [v if v == "M" else max(1, round(v * width)) for v in cfgs[self.layout]]
        self.features = make_layers(plan, batch_norm)
        self.features[0] = nn.Conv2d(in_channels, plan[0], kernel_size=3, padding=1)
        self.channels = (*(plan[i - 1] for i, v in enumerate(plan) if v == "M"), plan[-2])
        self.features.apply(_initialize)
        if weights != "none":
            name = f"{self.name}_bn" if batch_norm else self.name
            self.mean, self.std = load_pretrained(self, weights, name, first="features.0.weight")
        self.freeze(freeze)

    def stages(self) -> list[nn.Module]:
        """The layers cut behind every pooling."""
        pools = [i for i, layer in enumerate(self.features) if isinstance(layer, nn.MaxPool2d)]
        return [self.features[start:end] for start, end in pairwise([0, *(i + 1 for i in pools)])]

    def forward(self, images: Tensor) -> list[Tensor]:
        """Images float [B, in_channels, H, W] to six maps [B, channels, H // stride, W // stride].

        A side that is no multiple of 32 thus loses up to 31 pixels on its way to the last map.
        """
        maps: list[Tensor] = []
        features = images
        for layer in self.features:
            if isinstance(layer, nn.MaxPool2d):
                maps.append(features)
            features = layer(features)
        return [*maps, features]


class VGG11(VGG):
    """Eight convolutions (column A)."""

    name = "vgg11"
    layout = "A"


class VGG13(VGG):
    """Ten convolutions (column B)."""

    name = "vgg13"
    layout = "B"


class VGG16(VGG):
    """Thirteen convolutions (column D)."""

    name = "vgg16"
    layout = "D"


class VGG19(VGG):
    """Sixteen convolutions (column E)."""

    name = "vgg19"
    layout = "E"


def _check_width(width: float, weights: str) -> None:
    if not 0 < width <= 8:
        raise ValueError(f"width is a factor above 0 and at most 8, not {width}")
    if width != 1 and weights == "imagenet":
        raise ValueError(
            f"the imagenet weights exist for width 1.0 only, not {width}: "
            "take width: 1.0, or weights: none"
        )


def _initialize(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)
