"""Random rotation, translation, scaling and shear."""

from __future__ import annotations

from kornia.augmentation import RandomAffine

from hdf_plugins.augmentations.ranges import check_number, check_probability, check_range


def affine(
    *,
    degrees: float = 0.0,
    translate: float = 0.0,
    scale: tuple[float, float] = (1.0, 1.0),
    shear: float = 0.0,
    p: float = 1.0,
) -> RandomAffine:
    """Rotate about the image's centre, scale, shear and shift, each drawn uniformly per image.

    Patients are upright within about 10 degrees, and centred within about a tenth of the image.

    Args:
        degrees: the largest angle to either side, 0 to 180; sensible up to 10.
        translate: the largest shift along each axis, as a fraction of the image's width and
            height, 0 to 1; sensible up to 0.1.
        scale: the smallest and the largest magnification; sensible within 0.8 to 1.25.
        shear: the largest shear angle along each axis in degrees, 0 to 45; sensible up to 5.
        p: the share of images that is transformed, 0 to 1.

    Raises:
        ValueError: an option is out of range.
    """
    check_number("degrees", degrees, 0, 180)
    check_number("translate", translate, 0, 1)
    check_range("scale", scale, 0.05, 20)
    check_number("shear", shear, 0, 45, "degrees")
    check_probability(p)
    return RandomAffine(
        degrees,
        translate=(translate, translate) if translate else None,
        scale=scale if scale != (1.0, 1.0) else None,
        shear=(-shear, shear, -shear, shear) if shear else None,
        p=p,
    )
