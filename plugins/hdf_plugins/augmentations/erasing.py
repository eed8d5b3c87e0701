"""A random rectangle painted over."""

from __future__ import annotations

from kornia.augmentation import RandomErasing

from hdf_plugins.augmentations.ranges import check_number, check_probability, check_range


def erasing(
    *,
    scale: tuple[float, float] = (0.02, 0.1),
    ratio: tuple[float, float] = (0.3, 3.3),
    value: float = 0.0,
    p: float = 0.5,
) -> RandomErasing:
    """Paint a rectangle over the image, where a device or a label might hide part of a heart.

    Boxes and masks stay: the detector has to infer what it can't see
    (Zhong et al., Random Erasing Data Augmentation, AAAI 2020).

    Args:
        scale: the rectangle's area as a fraction of the image's, above 0 and up to 1; sensible up
            to 0.1, so that a heart (about a seventh of the image) is never hidden completely.
        ratio: its height over its width.
        value: its grey value, 0 (black) to 1 (white).
        p: the share of images that is changed, 0 to 1.

    Raises:
        ValueError: an option is out of range.
    """
    check_range("scale", scale, 0.0001, 1)
    check_range("ratio", ratio, 0.01, 100)
    check_number("value", value, 0, 1)
    check_probability(p)
    return RandomErasing(scale, ratio, value, p=p)
