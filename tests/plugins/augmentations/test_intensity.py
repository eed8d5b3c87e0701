"""The built-in augmentations that change grey values and leave boxes alone."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from hdf.augmentation.pipeline import Augment
from hdf_plugins.augmentations.covering import BurntInLetters, Collimation, erasing
from hdf_plugins.augmentations.devices import Devices
from hdf_plugins.augmentations.intensity import (
    Contrast,
    Gamma,
    GaussianNoise,
    brightness,
    gaussian_blur,
    inversion,
)
from hdf_plugins.augmentations.tone import LowFrequency, ToneCurve
from tests.plugins.augmentations.same_images import SIZE, augmented, same_images

MODULES: dict[str, Callable[..., nn.Module]] = {
    "gamma": Gamma,
    "brightness": brightness,
    "contrast": Contrast,
    "gaussian_noise": GaussianNoise,
    "gaussian_blur": gaussian_blur,
    "erasing": erasing,
    "tone_curve": ToneCurve,
    "low_frequency": LowFrequency,
    "collimation": Collimation,
    "burnt_in_letters": BurntInLetters,
    "devices": Devices,
    "inversion": inversion,
}
DRAWN = [name for name in MODULES if name != "inversion"]
"""Those that draw more than whether."""


@pytest.mark.parametrize("name", MODULES)
def test_boxes_and_masks_stay_as_they_are(name: str) -> None:
    batch = same_images()
    result = Augment([MODULES[name](p=1.0)], SIZE, "mask")(batch, (0,))
    assert torch.equal(result.targets.boxes, batch.targets.boxes)
    assert torch.equal(result.targets.valid, batch.targets.valid)
    assert torch.equal(result.targets.masks, batch.targets.masks)
    assert not torch.equal(result.images, batch.images)


@pytest.mark.parametrize("name", DRAWN)
def test_every_image_draws_for_itself(name: str) -> None:
    images = augmented(MODULES[name](p=1.0), same_images(8))
    assert len(images.flatten(1).unique(dim=0)) == 8


@pytest.mark.parametrize("name", MODULES)
def test_a_probability_of_zero_changes_nothing(name: str) -> None:
    batch = same_images()
    assert torch.equal(augmented(MODULES[name](p=0.0), batch), batch.images)


@pytest.mark.parametrize("name", DRAWN)
def test_the_key_decides(name: str) -> None:
    augment = Augment([MODULES[name](p=1.0)], SIZE)
    first, again, other = (augment(same_images(), key).images for key in ((3, 1), (3, 1), (3, 2)))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.parametrize("name", MODULES)
def test_a_probability_is_honoured_for_each_image(name: str) -> None:
    batch = same_images(200)
    changed = (augmented(MODULES[name](p=0.3), batch) != batch.images).flatten(1).any(1)
    assert 35 <= int(changed.sum()) <= 85  # 60 expected, standard deviation 6.5


@pytest.mark.parametrize("name", MODULES)
def test_results_stay_in_the_unit_range(name: str) -> None:
    extremes = torch.rand(1, *SIZE).round()
    images = augmented(MODULES[name](p=1.0), same_images(8, extremes))
    assert images.isfinite().all()
    assert images.min() >= 0 and images.max() <= 1


def test_gamma_is_a_power_and_keeps_black_and_white() -> None:
    image = torch.linspace(0, 1, 64 * 80).view(1, *SIZE)
    images = augmented(Gamma(gamma=(2.0, 2.0)), same_images(2, image))
    torch.testing.assert_close(images[0], image**2)


def test_brightness_adds() -> None:
    image = torch.full((1, *SIZE), 0.5)
    images = augmented(brightness(shift=(-0.2, 0.1)), same_images(500, image))
    torch.testing.assert_close(images.amin(), torch.tensor(0.3), atol=0.01, rtol=0)
    torch.testing.assert_close(images.amax(), torch.tensor(0.6), atol=0.01, rtol=0)


def test_contrast_stretches_about_each_image_s_mean() -> None:
    image = 0.6 + 0.1 * torch.rand(1, *SIZE)
    batch = same_images(2, image)
    batch.images[1] -= 0.3
    images = augmented(Contrast(factor=(2.0, 2.0)), batch)
    for before, after in zip(batch.images, images, strict=True):
        torch.testing.assert_close(after.mean(), before.mean())
        torch.testing.assert_close(after.std(), 2 * before.std())


def test_noise_has_the_given_deviation_and_differs_between_pixels() -> None:
    image = torch.full((1, *SIZE), 0.5)
    noise = augmented(GaussianNoise(std=0.05, p=1.0), same_images(16, image)) - 0.5
    assert float(noise.std()) == pytest.approx(0.05, rel=0.03)
    assert abs(float((noise[0] * noise[1]).mean())) < 0.05**2 * 0.1
    assert abs(float((noise[..., 1:] * noise[..., :-1]).mean())) < 0.05**2 * 0.1


def test_noise_has_a_normal_distribution_s_shares() -> None:
    image = torch.full((1, *SIZE), 0.5)
    noise = (augmented(GaussianNoise(std=0.05, p=1.0), same_images(64, image)) - 0.5) / 0.05
    for beyond, share in ((0.0, 0.5), (1.0, 0.1587), (2.0, 0.02275), (3.0, 0.00135)):
        for side in (noise, -noise):
            assert float((side > beyond).float().mean()) == pytest.approx(share, rel=0.1)


def test_blur_spreads_a_point_by_the_given_deviation() -> None:
    image = torch.zeros(1, *SIZE)
    image[:, 32, 40] = 1
    blurred = augmented(gaussian_blur(sigma=(1.5, 1.5), p=1.0), same_images(1, image))[0, 0]
    assert float(blurred.sum()) == pytest.approx(1, abs=1e-4)
    variance = float((blurred.sum(0) * (torch.arange(80) - 40) ** 2).sum())
    assert variance == pytest.approx(1.5**2, rel=0.05)


def test_blur_reaches_as_far_as_its_largest_deviation_needs() -> None:
    image = torch.zeros(1, *SIZE)
    image[:, 32, 40] = 1
    blurred = augmented(gaussian_blur(sigma=(4, 4), p=1.0), same_images(1, image))[0, 0]
    variance = float((blurred.sum(0) * (torch.arange(80) - 40) ** 2).sum())
    assert variance == pytest.approx(4**2, rel=0.05)


def test_erasing_paints_one_rectangle_of_the_given_area() -> None:
    image = torch.ones(1, *SIZE)
    images = augmented(erasing(scale=(0.1, 0.1), value=0.25, p=1.0), same_images(50, image))[:, 0]
    painted = images == 0.25
    assert ((images == 1) | painted).all()
    height, width = painted.any(2).sum(1), painted.any(1).sum(1)
    assert torch.equal(painted.flatten(1).sum(1), height * width)
    share = (height * width) / (SIZE[0] * SIZE[1])
    torch.testing.assert_close(share, torch.full_like(share, 0.1), atol=0.01, rtol=0)


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (Gamma, {"gamma": (0.0, 1.0)}, "gamma is"),
        (Gamma, {"gamma": (1.5, 0.7)}, r"gamma is \[1.5, 0.7\]: expected \[low, high\]"),
        (brightness, {"shift": (-2, 0)}, "shift is"),
        (Contrast, {"factor": (-1, 1)}, "factor is"),
        (GaussianNoise, {"std": -0.1}, "std is -0.1.*from 0 to 1"),
        (gaussian_blur, {"sigma": (0, 1)}, "sigma is.*px"),
        (erasing, {"scale": (0.5, 2)}, "scale is"),
        (erasing, {"value": 1.5}, "value is 1.5"),
        (erasing, {"ratio": (0, 1)}, "ratio is"),
        (ToneCurve, {"strength": -1}, "strength is -1"),
        (LowFrequency, {"strength": 4}, "strength is 4"),
        (Collimation, {"largest": 0.5}, "largest is 0.5"),
        (Collimation, {"degrees": 90}, "degrees is 90"),
        (BurntInLetters, {"height": (0.1, 0.05)}, "height is"),
        (BurntInLetters, {"most": 0}, "most is 0"),
        (Devices, {"opacity": (0, 2)}, "opacity is"),
        (Devices, {"width": (0, 0.1)}, "width is"),
        *((make, {"p": 2}, "p is 2") for make in MODULES.values()),
    ],
)
def test_bad_values_are_refused(
    make: Callable[..., nn.Module], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        make(**options)
