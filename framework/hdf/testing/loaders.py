"""The contract of loaders."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch

from hdf.data.decode import read_pixels, target_of
from hdf.testing.contract import asking, assert_same, subject
from hdf.types import Loader, Sample

LIGHT = 16_384
"""Bytes of a pickled record: paths, numbers and names, and no pixels."""


def check_loader(
    loader: Loader | str,
    *,
    options: Mapping[str, Any] | None = None,
    faults: int = 0,
    read: int = 4,
) -> None:
    """Hold a loader to all that hdf asks of one.

    It lists light samples, which can be pickled, with ids of their own and the same ones again; it
    reports records that can't be used as faults and does not raise; images are float32 [1, H, W] in
    [0, 1], the same from any thread; boxes lie in their images and masks belong to them; nothing is
    drawn at random without a seed.

    Args:
        loader: the loader, or the name of a registered one, which is built as for a recipe. Make
            its data in the test: a few small images, and a broken record for each way to break one.
        options: of a registered one. Where one holds loaders, give the loader itself instead.
        faults: how many of the records are broken on purpose.
        read: how many of the images are read.

    Raises:
        AssertionError: saying what is wrong and what to do.
    """
    supplied = {"labels": ("heart",), "image_size": (64, 64)}
    with subject("loader", loader, options, 0, **supplied) as made:
        samples = _listed(made.make())
        again = _listed(made.make())
        assert list(map(_facts, again)) == list(map(_facts, samples)), (
            "records() lists other samples when called again; sort them, and draw nothing"
        )
        _check_ids(samples)
        _check_faults(samples, faults)
        for sample in samples:
            _check_light(sample)
        _check_images([sample for sample in samples if not sample.faults][:read])


def _listed(loader: Any) -> list[Sample]:
    assert isinstance(loader, Loader), "it lacks the method records"
    try:
        with asking("records", torch_draws=False):
            samples = loader.records()
    except AssertionError as error:
        raise AssertionError(
            f"{error}\na loader reports a record that can't be used with "
            "hdf.Sample.broken(id, reason) and goes on, so that all of them are shown at once"
        ) from error
    assert isinstance(samples, list) and all(isinstance(sample, Sample) for sample in samples), (
        f"records() gives {type(samples).__name__}, expected a list of hdf.Sample"
    )
    assert samples, "records() is empty; give the check some images to list"
    return samples


def _facts(sample: Sample) -> list[Any]:
    target = sample.target
    return [
        *(sample.id, sample.group, sample.source, sample.where),
        *(sample.faults, sample.files, sample.mask_files),
        target and (target.boxes.tolist(), target.labels, target.frame),
    ]


def _check_ids(samples: Sequence[Sample]) -> None:
    ids = [sample.id for sample in samples]
    assert all(isinstance(id, str) and id for id in ids), "an id is empty or no text"
    twice = sorted({id for id in ids if ids.count(id) > 1})
    assert not twice, (
        f"ids are used twice: {', '.join(twice)}; make them unique within the data set"
    )
    for id, target in ((sample.id, sample.target) for sample in samples):
        assert target is None or target.boxes.dtype == torch.float32, (
            f"the boxes of {id} are {target and target.boxes.dtype}, expected torch.float32"
        )


def _check_faults(samples: Sequence[Sample], expected: int) -> None:
    broken = [sample for sample in samples if sample.faults]
    told = "\n".join(f"{sample.id}: {fault}" for sample in broken for fault in sample.faults)
    assert len(broken) == expected, (
        f"{len(broken)} records have faults, expected {expected}; list a broken record with "
        f"hdf.Sample.broken(id, reason), or state faults= in the check\n{told}"
    )


def _check_light(sample: Sample) -> None:
    try:
        packed = pickle.dumps(sample)
        pickle.loads(packed)
    except Exception as error:
        raise AssertionError(
            f"{sample.id} can't be pickled, so no other process could read it: {error}; use "
            "functools.partial of a function of the module instead of a lambda or an open file"
        ) from error
    assert len(packed) <= LIGHT, (
        f"{sample.id} holds {len(packed)} bytes, at most {LIGHT} are light; keep the path and open "
        "the file when `read` is called"
    )


def _check_images(samples: Sequence[Sample]) -> None:
    first = [read_pixels(sample) for sample in samples]
    for sample, image in zip(samples, first, strict=True):
        _check_labelled(sample, (image.shape[1], image.shape[2]))
        for path in (*sample.files, *sample.mask_files):
            assert path.is_file(), f"{sample.id} names {path}, which is no file"
    copies = [pickle.loads(pickle.dumps(sample)) for sample in samples]
    with ThreadPoolExecutor(2) as pool:
        again = list(pool.map(read_pixels, [*copies, *copies]))
    message = "an image read again, in another thread, differs; keep no state in `read`"
    assert_same(again, [*first, *first], message)


def _check_labelled(sample: Sample, size: tuple[int, int]) -> None:
    labels = sample.target.labels if sample.target else ()
    target_of(sample, size, labels)
    if sample.read_masks is None:
        return
    with asking(f"read_masks of {sample.id}", torch_draws=False):
        masks = sample.read_masks()
    expected = (len(labels), *size)
    assert masks.dtype == torch.bool and masks.shape == expected, (
        f"the masks of {sample.id} are {masks.dtype} {list(masks.shape)}, expected torch.bool "
        f"{list(expected)}: one for each box, in the pixels of the image"
    )
