"""Random gamma."""

from __future__ import annotations

from typing import Any

from kornia.augmentation import IntensityAugmentationBase2D
from kornia.augmentation.random_generator import PlainUniformGenerator
from torch import Tensor

from hdf_plugins.augmentations.ranges import check_probability, check_range


class Gamma(IntensityAugmentationBase2D):
    """Raise the grey values in [0, 1] to a random power, one per image.

    This imitates other exposures and other vendors' display curves; black and white stay the same.
    Kornia's RandomGamma takes twice as many passes over the images, for gains and checks.

    Args:
        gamma: the smallest and the largest exponent, above 0; below 1 brightens, above 1 darkens;
            sensible within 0.5 to 2.
        p: the share of images that is changed, 0 to 1.

    Raises:
        ValueError: an option is out of range.
    """

    def __init__(self, *, gamma: tuple[float, float] = (0.7, 1.5), p: float = 1.0) -> None:
        check_range("gamma", gamma, 0.01, 100)
        check_probability(p)
        super().__init__(p=p)
        self._param_generator = PlainUniformGenerator((gamma, "power", None, None))

    def apply_transform(
        self,
        input: Tensor,
        params: dict[str, Tensor],
        flags: dict[str, Any],
        transform: Tensor | None = None,
    ) -> Tensor:
        """Raise images [B, C, H, W], clipped to [0, 1], to their powers."""
        return input.clamp(0, 1).pow_(params["power"].to(input)[:, None, None, None])
