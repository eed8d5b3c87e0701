"""A part of a batch becomes what it would in the whole batch."""

from __future__ import annotations

import inspect

import kornia.augmentation as K
import pytest
import torch
from torch import Tensor, nn

from hdf.augmentation.pipeline import Augment
from hdf.registry.registry import discover
from hdf.runtime.world import World
from hdf.types import Batch
from tests.plugins.augmentations.same_images import SIZE, same_images

COUNT = 7
BUILT_IN = [component.name for component in discover().of_kind("augmentation")]


class Speckle(K.IntensityAugmentationBase2D):
    """Draws while images are changed, as some plugins do."""

    def apply_transform(self, input: Tensor, params, flags, transform=None) -> Tensor:  # type: ignore[no-untyped-def]
        return input + 0.1 * torch.randn_like(input)


def built(name: str) -> nn.Module:
    make = discover().find("augmentation", name).load()
    options = {"p": 0.6, "image_size": SIZE}
    taken = inspect.signature(make).parameters
    return make(**{key: value for key, value in options.items() if key in taken})


def batch() -> Batch:
    images = torch.rand(COUNT, 1, *SIZE, generator=torch.Generator().manual_seed(5))
    found = same_images(COUNT)
    return Batch(images, found.targets, found.index)


def assert_parts_are_of_the_whole(augment: Augment, size: int) -> None:
    for step in range(3):
        whole = augment(batch(), (0, 1, step))
        for rank in range(size):
            share = World(rank, size).share(COUNT)
            given = batch().part(share.rows) if augment.divides else batch()
            part, expected = augment(given, (0, 1, step), share), whole.part(share.rows)
            torch.testing.assert_close(part.images, expected.images, atol=1e-5, rtol=0)
            assert torch.equal(part.index, expected.index)
            assert torch.equal(part.targets.boxes, expected.targets.boxes)
            assert torch.equal(part.targets.valid, expected.targets.valid)
            assert torch.equal(part.targets.masks, expected.targets.masks)


@pytest.mark.parametrize("name", BUILT_IN)
def test_every_built_in_augmentation(name: str) -> None:
    augment = Augment([built(name)], SIZE, "mask")
    assert augment.divides == (name != "histogram_matching")
    assert_parts_are_of_the_whole(augment, 3)


@pytest.mark.parametrize("size", [2, 7])
def test_a_chain(size: int) -> None:
    names = ["gamma", "affine", "gaussian_noise", "random_crop", "erasing", "devices"]
    augment = Augment([built(name) for name in names], SIZE)
    assert augment.divides
    assert_parts_are_of_the_whole(augment, size)


def test_what_draws_while_it_works_gets_the_whole_batch() -> None:
    augment = Augment([K.RandomAffine(9, p=1.0), Speckle(p=1.0)], SIZE, "mask")
    assert not augment.divides
    assert_parts_are_of_the_whole(augment, 2)


def test_one_drawing_for_all_images_stays_one() -> None:
    augment = Augment([K.RandomGamma((0.5, 2.0), same_on_batch=True, p=1.0)], SIZE)
    assert augment.divides
    assert_parts_are_of_the_whole(augment, 2)


def test_asking_leaves_the_global_random_numbers_alone() -> None:
    torch.manual_seed(4)
    state = torch.get_rng_state()
    assert Augment([built("gamma"), built("gaussian_noise")], SIZE).divides
    assert torch.equal(torch.get_rng_state(), state)
