"""A random part of the image, enlarged to the whole."""

from __future__ import annotations

from kornia.augmentation import RandomResizedCrop

from hdf_plugins.augmentations.ranges import check_probability, check_range


def random_crop(
    *,
    image_size: tuple[int, int],
    scale: tuple[float, float] = (0.7, 1.0),
    ratio: tuple[float, float] = (0.9, 1.1),
    p: float = 1.0,
) -> RandomResizedCrop:
    """Cut out a random part of the image and resize it to the image's own size.

    A crop may cut the heart; its box then ends at the edge of the image.

    Args:
        image_size: (height, width) of the network's image.
        scale: the crop's area as a fraction of the image's, above 0 and up to 1; sensible from 0.6.
            The side is the square root of it: 0.7 keeps 84 % of height and width.
        ratio: the crop's width over height, relative to the image's: 1 keeps the proportions;
            sensible within 0.8 to 1.25.
        p: the share of images that is cropped, 0 to 1.

    Raises:
        ValueError: an option is out of range.
    """
    check_range("scale", scale, 0.01, 1)
    check_range("ratio", ratio, 0.1, 10)
    check_probability(p)
    height, width = image_size
    own = width / height
    crop = RandomResizedCrop(
        image_size, scale=scale, ratio=(ratio[0] * own, ratio[1] * own), align_corners=False
    )
    # Kornia draws this module's p once per batch, since crops may change the size; these do not.
    crop.p = p
    return crop
