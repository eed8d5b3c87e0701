"""Augmentations that cover parts of an image: borders, letters, devices."""

import pytest
import torch
from torch import Tensor

from hdf.boxes import mask_bounds
from hdf_plugins.augmentations.covering import (
    REACH,
    WORDS,
    BurntInLetters,
    Collimation,
    word_bitmaps,
)
from hdf_plugins.augmentations.devices import Devices, Ribbons, covered
from tests.plugins.augmentations.same_images import SIZE, augmented, same_images

HEIGHT, WIDTH = SIZE
GREY = torch.full((1, *SIZE), 0.4)


def _share_covered(images: Tensor) -> Tensor:
    return (images - 0.4).abs().gt(1e-3).flatten(1).float().mean(1)


def test_borders_are_straight_and_no_wider_than_asked() -> None:
    images = augmented(Collimation(largest=0.15, degrees=0.0, p=1.0), same_images(200, GREY))
    seen = mask_bounds((images[:, 0] - 0.4).abs() < 1e-3)
    borders = torch.stack([seen[:, 0], WIDTH - seen[:, 2]], -1) / WIDTH
    assert 0.12 < float(borders.max()) <= 0.15 + 1 / WIDTH
    assert 0.35 < float((borders == 0).float().mean()) < 0.65
    inside = [
        image[0, int(y0) : int(y1), int(x0) : int(x1)]
        for image, (x0, y0, x1, y1) in zip(images, seen.tolist(), strict=True)
    ]
    assert all(bool(((part - 0.4).abs() < 1e-3).all()) for part in inside)
    middle = images[..., HEIGHT // 4 : -HEIGHT // 4, WIDTH // 4 : -WIDTH // 4]
    assert (middle == 0.4).all()


def test_borders_are_black_white_or_grey() -> None:
    images = augmented(Collimation(largest=0.3, degrees=0.0, p=1.0), same_images(300, GREY))
    corner = images[:, 0, 0, 0]
    corner = corner[(corner - 0.4).abs() > 1e-3]
    black, white = (corner < 1e-3).float().mean(), (corner > 1 - 1e-3).float().mean()
    assert 0.45 < float(black) < 0.75
    assert 0.05 < float(white) < 0.3
    assert float(black + white) < 0.95


def test_borders_turn() -> None:
    images = augmented(Collimation(largest=0.3, degrees=10.0, p=1.0), same_images(40, GREY))
    widths = ((images[:, 0] - 0.4).abs() > 1e-3).float()[:, :, : WIDTH // 2].sum(2)
    assert float((widths[:, HEIGHT // 4] - widths[:, 3 * HEIGHT // 4]).abs().max()) > 3


def test_words_are_drawn_dot_by_dot() -> None:
    bitmaps, widths = word_bitmaps(("L", "AP"))
    assert widths.tolist() == [5, 11]
    assert bitmaps.shape == (2, 7, 11)
    assert bitmaps[0, :, 0].all() and bitmaps[0, 6, :5].all()
    assert bitmaps[0].sum() == 11
    assert not bitmaps[1, :, 5].any()
    assert set("".join(WORDS)) >= set("LRAP0123456789-")


def test_letters_are_small_bright_or_dark_and_near_the_borders() -> None:
    images = augmented(BurntInLetters(height=(0.1, 0.1), p=1.0), same_images(300, GREY))
    share = _share_covered(images)
    assert float(share.min()) > 0.001 and float(share.max()) < 0.15
    written = (images[:, 0] - 0.4).abs() > 0.2
    assert written.flatten(1).any(1).all()
    reach = int((REACH + 0.06) * HEIGHT) + 1
    inner = written[:, reach:-reach, 30:-30]  # the longest word reaches 30 pixels inwards
    assert not inner.any()
    high, low = images.flatten(1).amax(1), images.flatten(1).amin(1)
    assert float((high > 0.7).float().mean()) > 0.7
    assert 0.1 < float((low < 0.1).float().mean()) < 0.95


def test_one_piece_of_writing_can_be_read() -> None:
    """At a dot a pixel it is about seven pixels high."""
    images = augmented(
        BurntInLetters(height=(7 / 64, 7 / 64), most=1, p=1.0), same_images(50, GREY)
    )
    bright = images[:, 0].clamp(min=0.4) - 0.4
    tall = mask_bounds(bright > 0.1)
    inside = (tall[:, :2] > 0).all(1) & (tall[:, 2] < WIDTH) & (tall[:, 3] < HEIGHT)
    heights = (tall[:, 3] - tall[:, 1])[inside]
    assert len(heights) > 10
    assert float(heights.min()) >= 5 and float(heights.max()) <= 10


def _ribbon(half: float, present: float = 1.0) -> Ribbons:
    x = torch.linspace(10, 50, 200)
    middle = torch.stack([x, 0.5 * x + 8], -1)[None, None]
    return Ribbons(middle, torch.full((1, 1, 200), half), torch.tensor([[present]]), 5)


def test_a_ribbon_covers_its_own_area() -> None:
    found = covered([_ribbon(1.5)], SIZE)[0]
    length = 40 * 1.25**0.5
    assert float(found.sum()) == pytest.approx(length * 3, rel=0.03)
    assert found.max() <= 1
    assert found[23, 30] > 0.95  # the middle of the line
    assert not covered([_ribbon(1.5, present=0.0)], SIZE).any()


def test_what_lies_outside_is_not_drawn_at_the_border() -> None:
    ribbon = _ribbon(1.5)
    shifted = ribbon._replace(middle=ribbon.middle + torch.tensor([0.0, 100.0]))
    assert not covered([shifted], SIZE).any()


def test_devices_are_bright_thin_and_leave_most_of_the_image() -> None:
    images = augmented(Devices(p=1.0), same_images(200, GREY))
    assert images.min() >= 0.4 - 1e-6
    share = _share_covered(images)
    assert float(share.max()) < 0.35
    assert 0.02 < float(share.mean()) < 0.2


def test_devices_let_through_what_their_opacity_leaves() -> None:
    images = augmented(Devices(opacity=(0.5, 0.5), p=1.0), same_images(100, GREY))
    assert 0.55 < float(images.max()) <= 0.4 + 0.5 * (1 - 0.4) + 1e-6
