"""Random gamma."""

from __future__ import annotations

from kornia.augmentation import RandomGamma

from hdf_plugins.augmentations.ranges import check_probability, check_range


def gamma(*, gamma: tuple[float, float] = (0.7, 1.5), p: float = 1.0) -> RandomGamma:
    """Raise the grey values in [0, 1] to a random power, one an image.

    It stands in for other exposures and other vendors' display curves; black and white stay.

    Args:
        gamma: the smallest and the largest exponent, above 0; below 1 brightens, above 1 darkens;
            sensible within 0.5 to 2.
        p: the share of images that is changed, 0 to 1.

    Raises:
        ValueError: an option is out of range.
    """
    check_range("gamma", gamma, 0.01, 100)
    check_probability(p)
    return RandomGamma(gamma, p=p)
