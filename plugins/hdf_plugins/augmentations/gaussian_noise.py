"""Random noise."""

from __future__ import annotations

from kornia.augmentation import RandomGaussianNoise

from hdf_plugins.augmentations.ranges import check_number, check_probability


def gaussian_noise(*, std: float = 0.02, p: float = 0.5) -> RandomGaussianNoise:
    """Add independent normal noise to every pixel.

    Args:
        std: its standard deviation as a fraction of the grey range, 0 to 1; sensible up to 0.05
            (a low-dose radiograph shrunk to a network's size shows less than 0.02).
        p: the share of images that is changed, 0 to 1.

    Raises:
        ValueError: an option is out of range.
    """
    check_number("std", std, 0, 1)
    check_probability(p)
    return RandomGaussianNoise(std=std, p=p)
