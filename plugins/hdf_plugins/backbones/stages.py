"""What the built-in convolutional backbones have in common: five stages, widths, a start."""

from __future__ import annotations

from typing import Self

from torch import nn

STAGES = 5


class FiveStages(nn.Module):
    """A backbone of five stages that each halve the image.

    Attributes:
        channels: the number of channels of each map returned by `forward`, from fine to coarse.
        strides: image pixels per map pixel of each map.
        mean: what the weights expect to be subtracted from an image in [0, 1], one value per input
            channel; None where the weights ask for nothing.
        std: what they expect it to be divided by, likewise.
    """

    channels: tuple[int, ...]
    strides: tuple[int, ...]
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None

    def __init__(self) -> None:
        super().__init__()
        self._frozen = 0

    def stages(self) -> list[nn.Module]:
        """The five stages from the image on, which share all parameters among them."""
        raise NotImplementedError

    def freeze(self, count: int) -> None:
        """Keep the weights of the first `count` stages fixed.

        Raises:
            ValueError: if `count` is not in 0..5.
        """
        if not 0 <= count <= STAGES:
            raise ValueError(f"freeze is a number of stages from 0 to {STAGES}, not {count}")
        self._frozen = count
        for stage in self.stages()[:count]:
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


def check_width(width: float, weights: object) -> None:
    """Refuse a width out of range, or one that pretrained weights don't have.

    Raises:
        ValueError: with what was expected.
    """
    if not 0 < width <= 8:
        raise ValueError(f"width is a factor above 0 and at most 8, not {width}")
    if width != 1 and weights in ("imagenet", "phantom"):
        raise ValueError(
            f"the {weights} weights exist for width 1.0 only, not {width}: "
            "take width: 1.0, or weights: none"
        )


def scaled(channels: int, width: float) -> int:
    """A number of channels times `width`, at least 1."""
    return max(1, round(channels * width))
