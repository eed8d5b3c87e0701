"""What the built-in convolutional backbones have in common: five stages, widths, a start."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Self

from torch import Tensor, nn

from hdf_plugins.backbones.weights import Weights, check_source, load_pretrained

STAGES = 5


class FiveStages(nn.Module):
    """A backbone of five stages that each halve the image, with torchvision's parameter names.

    `mean` and `std` are None where the weights ask for nothing.

    Args:
        in_channels: channels of the images, 1 for grey radiographs.
        weights: ``none`` starts from He's initialisation; ``imagenet`` loads torchvision's, by
            download or from its cache; ``phantom``, for vgg16 alone, loads what travels inside the
            package, learnt from synthetic radiographs; anything else is the path of a state dict,
            ``.safetensors`` or ``.pth``. Filters for RGB are summed when the images have one
            channel.
        freeze: how many of the five stages, counted from the image, stay fixed.
        width: factor on the number of channels of every convolution.

    Raises:
        ValueError: an option is out of range, or there are no such weights at this width.
        hdf.UserError: the weights can't be fetched, read or fitted.
    """

    channels: tuple[int, ...]
    strides: tuple[int, ...]
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    _ends: Sequence[int]  # of the stages: the layers behind them
    _mapped: Sequence[int]  # the layers before which a map is taken; another is what the last gives
    _frozen = 0

    def __init__(self, weights: Weights, name: str, width: float) -> None:
        super().__init__()
        if not 0 < width <= 8:
            raise ValueError(f"width is a factor above 0 and at most 8, not {width}")
        if width != 1 and weights in ("imagenet", "phantom"):
            raise ValueError(
                f"the {weights} weights exist for width 1.0 only, not {width}: "
                "take width: 1.0, or weights: none"
            )
        check_source(weights, name)

    @property
    def _layers(self) -> nn.Sequential:
        (layers,) = self.children()
        assert isinstance(layers, nn.Sequential)
        return layers

    def stages(self) -> list[nn.Module]:
        """The five stages from the image on, which share all parameters among them."""
        return [self._layers[start:end] for start, end in pairwise([0, *self._ends])]

    def forward(self, images: Tensor) -> list[Tensor]:
        """Images float [B, in_channels, H, W] to maps [B, channels, h, w], from fine to coarse."""
        maps: list[Tensor] = []
        features = images
        for index, layer in enumerate(self._layers):
            if index in self._mapped:
                maps.append(features)
            features = layer(features)
        return [*maps, features]

    def start(self, layers: nn.Module, weights: Weights, name: str, freeze: int) -> None:
        """Load `weights` into `layers` (`load_pretrained`), unless none, and freeze stages."""
        if not 0 <= freeze <= STAGES:
            raise ValueError(f"freeze is a number of stages from 0 to {STAGES}, not {freeze}")
        if weights != "none":
            self.mean, self.std = load_pretrained(layers, weights, name)
        self._frozen = freeze
        for stage in self.stages()[:freeze]:
            stage.requires_grad_(False)
        self.train(self.training)

    def train(self, mode: bool = True) -> Self:
        """Set training mode, except for frozen stages: their running statistics stay fixed too."""
        super().train(mode)
        for stage in self.stages()[: self._frozen]:
            stage.eval()
        return self


def initialize(module: nn.Module) -> None:
    """He's normal initialisation of a convolution, as in torchvision; of another module nothing.

    Source: He et al., Delving Deep into Rectifiers, ICCV 2015, equation 14.
    """
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def scaled(channels: int, width: float) -> int:
    """A number of channels times `width`, at least 1."""
    return max(1, round(channels * width))
