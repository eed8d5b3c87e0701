"""Random contrast about the image's mean."""

from __future__ import annotations

from typing import Any

from kornia.augmentation import IntensityAugmentationBase2D
from kornia.augmentation.random_generator import PlainUniformGenerator
from torch import Tensor

from hdf_plugins.augmentations.ranges import check_probability, check_range


class Contrast(IntensityAugmentationBase2D):
    """Scale each grey value's distance from the image's mean, and clip to [0, 1].

    Kornia's RandomContrast scales the grey values themselves, which changes the brightness.

    Args:
        factor: the smallest and the largest factor, one per image, 0 to 10; below 1 lowers the
            contrast, above 1 raises it; sensible within 0.7 to 1.4.
        p: the share of images that is changed, 0 to 1.

    Raises:
        ValueError: an option is out of range.
    """

    def __init__(self, *, factor: tuple[float, float] = (0.8, 1.25), p: float = 1.0) -> None:
        check_range("factor", factor, 0, 10)
        check_probability(p)
        super().__init__(p=p)
        self._param_generator = PlainUniformGenerator((factor, "factor", None, None))

    def apply_transform(
        self,
        input: Tensor,
        params: dict[str, Tensor],
        flags: dict[str, Any],
        transform: Tensor | None = None,
    ) -> Tensor:
        """Stretch images [B, C, H, W] in [0, 1], and clip them."""
        mean = input.mean((-3, -2, -1), keepdim=True)
        factor = params["factor"].to(input)[:, None, None, None]
        return mean.lerp(input, factor).clamp(0, 1)
