"""Random inversion."""

from __future__ import annotations

from kornia.augmentation import RandomInvert

from hdf_plugins.augmentations.ranges import check_probability


def inversion(*, p: float = 0.05) -> RandomInvert:
    """Swap black and white, as in a file whose photometric interpretation was lost.

    hdf shows bone bright where a file states its photometric interpretation; exports to PNG and
    JPEG often don't.

    Args:
        p: the share of images that is inverted, 0 to 1; sensible up to 0.2.

    Raises:
        ValueError: an option is out of range.
    """
    check_probability(p)
    return RandomInvert(p=p)
