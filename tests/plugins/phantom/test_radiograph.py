"""The rendered images: reproducible, in range, and dark and bright where radiographs are."""

from functools import partial
from multiprocessing import get_context

import numpy as np
import pytest
import torch

from hdf_plugins.phantom.film import burn_marker, collimate, expose, smooth
from hdf_plugins.phantom.patient import make_phantom
from hdf_plugins.phantom.radiograph import attenuation, render, render_image

SIZE = (96, 96)


@pytest.fixture(scope="module")
def series() -> tuple[torch.Tensor, torch.Tensor]:
    return render(0, range(16), SIZE)


def test_shapes_types_and_range(series: tuple[torch.Tensor, torch.Tensor]) -> None:
    images, masks = series
    assert images.shape == (16, 1, 96, 96)
    assert masks.shape == (16, 3, 96, 96)
    assert images.dtype == torch.float32
    assert masks.dtype == torch.bool
    assert torch.isfinite(images).all()
    assert images.min() >= 0
    assert images.max() <= 1


def test_an_image_depends_on_seed_and_index_alone(
    series: tuple[torch.Tensor, torch.Tensor],
) -> None:
    images, masks = render(0, [7, 2], SIZE)
    assert torch.equal(images[0], series[0][7])
    assert torch.equal(masks[1], series[1][2])
    assert not torch.equal(render(1, [7], SIZE)[0][0], images[0])


def test_another_process_renders_the_same(series: tuple[torch.Tensor, torch.Tensor]) -> None:
    with get_context("spawn").Pool(1) as pool:
        image = torch.from_numpy(pool.apply(partial(_pixels, 0, 3)))
    assert torch.equal(image, series[0][3])


def _pixels(seed: int, index: int) -> np.ndarray:
    return render_image(make_phantom(seed, index, SIZE)).numpy()


def test_lungs_are_darker_than_the_heart(series: tuple[torch.Tensor, torch.Tensor]) -> None:
    images, masks = series
    heart, left, right = (
        (images[:, 0] * part).sum((1, 2)) / part.sum((1, 2)) for part in masks.unbind(1)
    )
    assert (left < heart).all()
    assert (right < heart).all()
    assert float(heart.mean() - right.mean()) > 0.1


def test_exposures_differ(series: tuple[torch.Tensor, torch.Tensor]) -> None:
    middles = series[0].flatten(1).median(1).values
    assert middles.std() > 0.05


def test_the_number_of_threads_is_left_alone_and_makes_no_difference() -> None:
    before = torch.get_num_threads()
    try:
        images = []
        for threads in (1, 2):
            torch.set_num_threads(threads)
            images.append(render(0, [5], (224, 224))[0])
            assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert torch.equal(*images)


@pytest.mark.parametrize("size", [(32, 32), (64, 96), (131, 75)])
def test_any_size(size: tuple[int, int]) -> None:
    images, masks = render(0, [0], size)
    assert images.shape[-2:] == masks.shape[-2:] == size


def test_noise_shrinks_with_the_quanta() -> None:
    phantom = make_phantom(0, 0, SIZE)
    line = attenuation(phantom, torch.Generator().manual_seed(0))
    spread = []
    for quanta in (1e3, 1e5):
        dose = type(phantom.exposure)(**{**vars(phantom.exposure), "quanta": quanta})
        first, second = (expose(line, dose, torch.Generator().manual_seed(k)) for k in (1, 2))
        spread.append(float((first - second).std()))
    assert spread[0] > 5 * spread[1]


@pytest.mark.parametrize("sigma", [0.5, 2.0, 12.0])
def test_smoothing_keeps_the_mean_and_the_width(sigma: float) -> None:
    image = torch.zeros(101, 101)
    image[50, 50] = 1
    blurred = smooth(image, sigma)
    place = torch.arange(101) - 50.0
    assert float(blurred.sum()) == pytest.approx(1, rel=0.02)
    assert float((blurred.sum(0) * place**2).sum().sqrt()) == pytest.approx(sigma, rel=0.15)


def test_markers_are_white_and_on_their_side() -> None:
    for seed in range(20):
        image = torch.full((224, 224), 0.5)
        burn_marker(image, np.random.default_rng(seed))
        columns = (image > 0.9).any(0).nonzero().flatten()
        assert len(columns) == 0 or columns.max() < 112 or columns.min() > 112


def test_shutters_leave_the_middle() -> None:
    for seed in range(20):
        image = torch.full((100, 100), 0.5)
        collimate(image, np.random.default_rng(seed))
        assert (image[12:-12, 12:-12] == 0.5).all()
