"""Augmentations that give an image another exposure, processing or device."""

import pytest
import torch
from torch import Tensor

from hdf_plugins.augmentations.base import LEVELS, DrawnIntensity, apply_curve
from hdf_plugins.augmentations.intensity import inversion
from hdf_plugins.augmentations.tone import HistogramMatching, LowFrequency, ToneCurve
from tests.plugins.augmentations.same_images import SIZE, augmented, same_images

RAMP = torch.linspace(0, 1, SIZE[0] * SIZE[1]).view(1, *SIZE)


def test_a_curve_is_applied_with_straight_lines_between_its_points() -> None:
    x = torch.linspace(0, 1, LEVELS)
    curves = torch.stack([x, x**2, 1 - x])
    images = RAMP.repeat(3, 1, 1, 1)
    found = apply_curve(images, curves)
    expected = torch.cat([images[:1], images[1:2] ** 2, 1 - images[2:]])
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=0)


def test_tone_curves_rise_smoothly_from_black_to_white() -> None:
    images = augmented(ToneCurve(strength=2.0, p=1.0), same_images(64, RAMP)).flatten(1)
    assert (images.diff(dim=1) >= -1e-6).all()
    assert images[:, 0].max() < 1e-6 and images[:, -1].min() > 1 - 1e-6
    slopes = images[:, ::64].diff(dim=1) / (64 / (RAMP.numel() - 1))
    assert slopes.diff(dim=1).abs().max() < 0.5
    middle = images[:, RAMP.numel() // 2]
    assert middle.min() < 0.35 and middle.max() > 0.65


def test_tone_curves_of_no_strength_change_nothing() -> None:
    batch = same_images(4, RAMP)
    torch.testing.assert_close(
        augmented(ToneCurve(strength=0.0, p=1.0), batch), batch.images, atol=1e-5, rtol=0
    )


@pytest.mark.parametrize("module", [ToneCurve(p=1.0), HistogramMatching(p=1.0)])
def test_grey_values_may_come_from_outside_0_to_1(module: DrawnIntensity) -> None:
    images = torch.stack([RAMP, 1.5 - 2 * RAMP])
    found = module(images)
    assert found.isfinite().all() and found.min() >= 0 and found.max() <= 1


def _dark_and_bright(count: int = 8) -> Tensor:
    generator = torch.Generator().manual_seed(5)
    texture = torch.rand(count, 1, *SIZE, generator=generator)
    texture[::2] = 0.1 + 0.2 * texture[::2]
    texture[1::2] = 0.5 + 0.4 * texture[1::2]
    texture[..., :10] = 0  # padding
    return texture


def _matched(amount: float, images: Tensor) -> Tensor:
    batch = same_images(len(images))
    batch.images.copy_(images)
    return augmented(HistogramMatching(amount=(amount, amount), p=1.0), batch)


def _quantiles(images: Tensor) -> Tensor:
    shown = images[..., 10:].flatten(1)
    return shown.quantile(torch.tensor([0.2, 0.5, 0.8]), dim=1).T


def test_a_matched_image_has_the_grey_values_of_another() -> None:
    images = _dark_and_bright()
    found = _quantiles(_matched(1.0, images))
    distance = (found[:, None] - _quantiles(images)).abs().amax(-1)  # to each of the batch
    assert distance.amin(1).max() < 0.03
    changed = (found - _quantiles(images)).abs().amax(-1) > 0.2
    assert 1 <= int(changed.sum()) < 8  # some have a model of the other kind


def test_half_of_the_way_is_half_of_the_way() -> None:
    images = _dark_and_bright()
    whole, half = _matched(1.0, images), _matched(0.5, images)
    torch.testing.assert_close(half, (images + whole) / 2, atol=1e-5, rtol=0)


def test_matching_keeps_order_and_black_padding() -> None:
    images = _dark_and_bright()
    found = _matched(1.0, images)
    assert (found[..., :10] == 0).all()
    order = images.flatten(1).argsort(1)
    assert (found.flatten(1).gather(1, order).diff(dim=1) >= -1e-5).all()


def test_padding_does_not_pull_the_others_down() -> None:
    images = _dark_and_bright()
    images[::2, :, :, 40:] = 0  # half of the dark ones is padding
    found = _matched(1.0, images)[1::2, 0, :, 10:]
    assert found.mean((1, 2)).min() > 0.15


@pytest.mark.parametrize("images", [torch.zeros(4, 1, *SIZE), torch.ones(4, 1, *SIZE)])
def test_images_of_one_grey_value_stay(images: Tensor) -> None:
    torch.testing.assert_close(_matched(1.0, images), images, atol=0.01, rtol=0)


def test_an_image_alone_has_nothing_to_match() -> None:
    images = _dark_and_bright(1)
    assert torch.equal(_matched(1.0, images), images)


def test_inversion_swaps_black_and_white() -> None:
    batch = same_images(4)
    torch.testing.assert_close(augmented(inversion(p=1.0), batch), 1 - batch.images)


def test_shading_is_a_smooth_field_within_its_strength() -> None:
    image = torch.full((1, *SIZE), 0.3)
    field = (augmented(LowFrequency(strength=0.7, p=1.0), same_images(64, image)) / 0.3).log()
    assert 0.3 < float(field.abs().max()) <= 0.7 + 1e-4
    steps = torch.cat([field.diff(dim=-1).flatten(), field.diff(dim=-2).flatten()])
    assert float(steps.abs().max()) < 0.06
    assert float(field.flatten(1).std(1).min()) > 0  # no mere brightness
