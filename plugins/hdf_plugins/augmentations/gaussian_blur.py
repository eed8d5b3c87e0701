"""Random blur."""

from __future__ import annotations

from math import ceil

from kornia.augmentation import RandomGaussianBlur

from hdf_plugins.augmentations.ranges import check_probability, check_range


def gaussian_blur(*, sigma: tuple[float, float] = (0.2, 1.5), p: float = 0.5) -> RandomGaussianBlur:
    """Blur by a Gaussian, as breathing and heartbeat do.

    Args:
        sigma: the smallest and the largest standard deviation in network pixels, one per image,
            0.05 to 10; sensible up to 1.5 at 112 px and 3 at 224 px.
        p: the share of images that is blurred, 0 to 1.

    Raises:
        ValueError: an option is out of range.
    """
    check_range("sigma", sigma, 0.05, 10, "px")
    check_probability(p)
    kernel_size = 2 * ceil(3 * sigma[1]) + 1
    return RandomGaussianBlur(kernel_size, sigma, p=p)
