"""Random brightness."""

from __future__ import annotations

from kornia.augmentation import RandomBrightness

from hdf_plugins.augmentations.ranges import check_probability, check_range


def brightness(*, shift: tuple[float, float] = (-0.1, 0.1), p: float = 1.0) -> RandomBrightness:
    """Add a random constant to the grey values, one per image, and clip to [0, 1].

    Args:
        shift: the smallest and the largest constant, -1 to 1, as a fraction of the grey range;
            sensible within -0.2 to 0.2, since clipped values are lost.
        p: the share of images that is changed, 0 to 1.

    Raises:
        ValueError: an option is out of range.
    """
    check_range("shift", shift, -1, 1)
    check_probability(p)
    # Kornia's factor f adds f - 1.
    return RandomBrightness((1 + shift[0], 1 + shift[1]), p=p)
