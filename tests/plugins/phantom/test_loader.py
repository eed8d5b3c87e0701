"""The loader: samples that can be read anywhere, options that are checked."""

import pickle

import pytest
import torch

from hdf.boxes import mask_bounds
from hdf_plugins.loaders.phantom import Phantom

SIZE = (64, 80)

pytestmark = pytest.mark.usefixtures("rendered_anew")


def test_records_hold_exact_boxes_of_their_masks() -> None:
    for sample in Phantom(count=4, seed=2, size=SIZE).records():
        assert sample.read_masks is not None
        assert sample.target is not None
        masks, image = sample.read_masks(), sample.read()
        assert image.shape == (1, *SIZE)
        assert masks.shape == (3, *SIZE)
        assert sample.target.labels == ("heart", "left_lung", "right_lung")
        assert torch.equal(sample.target.boxes, mask_bounds(masks))


def test_ids_name_seed_and_index() -> None:
    samples = Phantom(count=3, seed=7, size=SIZE).records()
    assert [sample.id for sample in samples] == [f"phantom-7-0000{index}" for index in range(3)]
    assert [sample.group for sample in samples] == [sample.id for sample in samples]
    assert {sample.source for sample in samples} == {"phantom"}


def test_a_longer_series_begins_with_the_shorter() -> None:
    short, long = (Phantom(count=count, size=SIZE).records() for count in (2, 5))
    for first, second in zip(short, long, strict=False):
        assert first.id == second.id
        assert torch.equal(first.read(), second.read())


def test_samples_survive_pickling() -> None:
    sample = Phantom(count=1, size=SIZE).records()[0]
    assert torch.equal(pickle.loads(pickle.dumps(sample)).read(), sample.read())


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"count": 0}, "count must be at least 1"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"size": (31, 64)}, "size must be .* at least 32"),
        ({"size": (64, 31)}, "size must be .* at least 32"),
    ],
)
def test_bad_options_are_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Phantom(**options)  # type: ignore[arg-type]
