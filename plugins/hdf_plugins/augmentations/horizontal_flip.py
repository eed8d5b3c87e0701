"""Random mirroring of left and right."""

from __future__ import annotations

from kornia.augmentation import RandomHorizontalFlip

from hdf_plugins.augmentations.ranges import check_probability


def horizontal_flip(*, p: float = 0.5) -> RandomHorizontalFlip:
    """Swap left and right.

    A mirrored chest has its heart on the wrong side, as in dextrocardia (about 1 person in 10 000),
    and labels such as ``left_lung`` keep their names while they change sides. Use it to study the
    symmetry of a detector, not for ordinary training.

    Args:
        p: the share of images that is mirrored, 0 to 1.

    Raises:
        ValueError: `p` is out of range.
    """
    check_probability(p)
    return RandomHorizontalFlip(p=p)
