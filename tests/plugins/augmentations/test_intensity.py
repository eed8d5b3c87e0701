"""The built-in augmentations that change grey values and leave boxes alone."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from hdf.augment import Augment
from hdf.types import Batch, Targets
from hdf_plugins.augmentations.brightness import brightness
from hdf_plugins.augmentations.contrast import contrast
from hdf_plugins.augmentations.erasing import erasing
from hdf_plugins.augmentations.gamma import gamma
from hdf_plugins.augmentations.gaussian_blur import gaussian_blur
from hdf_plugins.augmentations.gaussian_noise import gaussian_noise

SIZE = (64, 80)
MODULES: dict[str, Callable[..., nn.Module]] = {
    "gamma": gamma,
    "brightness": brightness,
    "contrast": contrast,
    "gaussian_noise": gaussian_noise,
    "gaussian_blur": gaussian_blur,
    "erasing": erasing,
}


def _batch(count: int = 16, image: Tensor | None = None) -> Batch:
    """The same image many times, so that results differ by what is drawn alone."""
    if image is None:
        image = 0.1 + 0.8 * torch.rand(1, *SIZE, generator=torch.Generator().manual_seed(3))
    boxes = torch.tensor([[20.3, 10, 60, 50.7]]).repeat(count, 1, 1)
    ones = torch.ones(count, 1, dtype=torch.bool)
    masks = torch.zeros(count, 1, *SIZE, dtype=torch.bool)
    masks[..., 10:50, 20:60] = True
    targets = Targets(boxes, 0 * ones.long(), ones, masks)
    return Batch(image.repeat(count, 1, 1, 1), targets, torch.arange(count))


def _images(module: nn.Module, batch: Batch) -> Tensor:
    return Augment([module], SIZE)(batch, (0,)).images


@pytest.mark.parametrize("name", MODULES)
def test_boxes_and_masks_stay_as_they_are(name: str) -> None:
    batch = _batch()
    result = Augment([MODULES[name](p=1.0)], SIZE, "mask")(batch, (0,))
    assert torch.equal(result.targets.boxes, batch.targets.boxes)
    assert torch.equal(result.targets.valid, batch.targets.valid)
    assert torch.equal(result.targets.masks, batch.targets.masks)
    assert not torch.equal(result.images, batch.images)


@pytest.mark.parametrize("name", MODULES)
def test_every_image_draws_for_itself(name: str) -> None:
    images = _images(MODULES[name](p=1.0), _batch(8))
    assert len(images.flatten(1).unique(dim=0)) == 8


@pytest.mark.parametrize("name", MODULES)
def test_a_probability_is_honoured_for_each_image(name: str) -> None:
    batch = _batch(200)
    changed = (_images(MODULES[name](p=0.3), batch) != batch.images).flatten(1).any(1)
    assert 35 <= int(changed.sum()) <= 85  # 60 expected, standard deviation 6.5


@pytest.mark.parametrize("name", MODULES)
def test_results_stay_in_the_unit_range(name: str) -> None:
    extremes = torch.rand(1, *SIZE).round()
    images = _images(MODULES[name](p=1.0), _batch(8, extremes))
    assert images.isfinite().all()
    assert images.min() >= 0 and images.max() <= 1


def test_gamma_is_a_power_and_keeps_black_and_white() -> None:
    image = torch.linspace(0, 1, 64 * 80).view(1, *SIZE)
    images = _images(gamma(gamma=(2.0, 2.0)), _batch(2, image))
    torch.testing.assert_close(images[0], image**2)


def test_brightness_adds() -> None:
    image = torch.full((1, *SIZE), 0.5)
    images = _images(brightness(shift=(-0.2, 0.1)), _batch(500, image))
    torch.testing.assert_close(images.amin(), torch.tensor(0.3), atol=0.01, rtol=0)
    torch.testing.assert_close(images.amax(), torch.tensor(0.6), atol=0.01, rtol=0)


def test_contrast_stretches_about_each_image_s_mean() -> None:
    image = 0.6 + 0.1 * torch.rand(1, *SIZE)
    batch = _batch(2, image)
    batch.images[1] -= 0.3
    images = _images(contrast(factor=(2.0, 2.0)), batch)
    for before, after in zip(batch.images, images, strict=True):
        torch.testing.assert_close(after.mean(), before.mean())
        torch.testing.assert_close(after.std(), 2 * before.std())


def test_noise_has_the_given_deviation_and_differs_between_pixels() -> None:
    image = torch.full((1, *SIZE), 0.5)
    noise = _images(gaussian_noise(std=0.05, p=1.0), _batch(16, image)) - 0.5
    assert float(noise.std()) == pytest.approx(0.05, rel=0.03)
    assert abs(float((noise[0] * noise[1]).mean())) < 0.05**2 * 0.1
    assert abs(float((noise[..., 1:] * noise[..., :-1]).mean())) < 0.05**2 * 0.1


def test_blur_spreads_a_point_by_the_given_deviation() -> None:
    image = torch.zeros(1, *SIZE)
    image[:, 32, 40] = 1
    blurred = _images(gaussian_blur(sigma=(1.5, 1.5), p=1.0), _batch(1, image))[0, 0]
    assert float(blurred.sum()) == pytest.approx(1, abs=1e-4)
    variance = float((blurred.sum(0) * (torch.arange(80) - 40) ** 2).sum())
    assert variance == pytest.approx(1.5**2, rel=0.05)


def test_blur_reaches_as_far_as_its_largest_deviation_needs() -> None:
    image = torch.zeros(1, *SIZE)
    image[:, 32, 40] = 1
    blurred = _images(gaussian_blur(sigma=(4, 4), p=1.0), _batch(1, image))[0, 0]
    variance = float((blurred.sum(0) * (torch.arange(80) - 40) ** 2).sum())
    assert variance == pytest.approx(4**2, rel=0.05)


def test_erasing_paints_one_rectangle_of_the_given_area() -> None:
    image = torch.ones(1, *SIZE)
    images = _images(erasing(scale=(0.1, 0.1), value=0.25, p=1.0), _batch(50, image))[:, 0]
    painted = images == 0.25
    assert ((images == 1) | painted).all()
    height, width = painted.any(2).sum(1), painted.any(1).sum(1)
    assert torch.equal(painted.flatten(1).sum(1), height * width)
    share = (height * width) / (SIZE[0] * SIZE[1])
    torch.testing.assert_close(share, torch.full_like(share, 0.1), atol=0.01, rtol=0)


@pytest.mark.parametrize(
    ("make", "options", "message"),
    [
        (gamma, {"gamma": (0.0, 1.0)}, "gamma is"),
        (gamma, {"gamma": (1.5, 0.7)}, r"gamma is \[1.5, 0.7\]: expected \[low, high\]"),
        (brightness, {"shift": (-2, 0)}, "shift is"),
        (contrast, {"factor": (-1, 1)}, "factor is"),
        (gaussian_noise, {"std": -0.1}, "std is -0.1.*from 0 to 1"),
        (gaussian_blur, {"sigma": (0, 1)}, "sigma is.*px"),
        (erasing, {"scale": (0.5, 2)}, "scale is"),
        (erasing, {"value": 1.5}, "value is 1.5"),
        (erasing, {"ratio": (0, 1)}, "ratio is"),
        *((make, {"p": 2}, "p is 2") for make in MODULES.values()),
    ],
)
def test_bad_values_are_refused(
    make: Callable[..., nn.Module], options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        make(**options)
