"""The contract of loaders."""

from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor

from hdf.data.decode import read_pixels, target_of
from hdf.errors import UserError
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
    made = subject("loader", loader, options, 0, labels=("heart",), image_size=(64, 64))
    title = made.title
    samples = _listed(title, made.make())
    again = _listed(title, made.make())
    assert list(map(_facts, again)) == list(map(_facts, samples)), (
        f"{title}: records() lists other samples when called again; sort them, and draw nothing"
    )
    _check_ids(title, samples)
    _check_faults(title, samples, faults)
    for sample in samples:
        _check_light(title, sample)
    _check_images(title, [sample for sample in samples if not sample.faults][:read])


def _listed(title: str, loader: Any) -> list[Sample]:
    assert isinstance(loader, Loader), f"{title} lacks the method records"
    mend = (
        "\na loader reports a record that can't be used with hdf.Sample.broken(id, reason) and "
        "goes on, so that all of them are shown at once"
    )
    try:
        with asking(title, "records", torch_draws=False):
            samples = loader.records()
    except AssertionError as error:
        raise AssertionError(f"{error}{mend}") from error
    assert isinstance(samples, list) and all(isinstance(sample, Sample) for sample in samples), (
        f"{title}: records() gives {type(samples).__name__}, expected a list of hdf.Sample"
    )
    assert samples, f"{title}: records() is empty; give the check some images to list"
    return samples


def _facts(sample: Sample) -> list[Any]:
    known = sample.target
    return [
        [sample.id, sample.group, sample.source, sample.where, *map(str, sample.faults)],
        [list(map(str, sample.files)), list(map(str, sample.mask_files))],
        []
        if known is None
        else [known.boxes.tolist(), list(known.labels), list(known.frame or ())],
    ]


def _check_ids(title: str, samples: Sequence[Sample]) -> None:
    ids = [sample.id for sample in samples]
    assert all(isinstance(id, str) and id for id in ids), f"{title}: an id is empty or no text"
    twice = sorted({id for id in ids if ids.count(id) > 1})
    assert not twice, (
        f"{title}: ids are used twice: {', '.join(twice)}; make them unique within the data set"
    )
    for sample in samples:
        known = sample.target
        assert known is None or known.boxes.dtype == torch.float32, (
            f"{title}: the boxes of {sample.id} are {known and known.boxes.dtype}, expected "
            "torch.float32"
        )


def _check_faults(title: str, samples: Sequence[Sample], expected: int) -> None:
    broken = [sample for sample in samples if sample.faults]
    told = "\n".join(f"{sample.id}: {fault}" for sample in broken for fault in sample.faults)
    assert len(broken) == expected, (
        f"{title}: {len(broken)} records have faults, expected {expected}; list a broken record "
        f"with hdf.Sample.broken(id, reason), or state faults= in the check\n{told}"
    )


def _check_light(title: str, sample: Sample) -> None:
    try:
        packed = pickle.dumps(sample)
        pickle.loads(packed)
    except Exception as error:
        message = (
            f"{title}: {sample.id} can't be pickled, so no other process could read it: {error}; "
            "use functools.partial of a function of the module instead of a lambda or an open file"
        )
        raise AssertionError(message) from error
    assert len(packed) <= LIGHT, (
        f"{title}: {sample.id} holds {len(packed)} bytes, at most {LIGHT} are light; keep the path "
        "and open the file when `read` is called"
    )


def _check_images(title: str, samples: Sequence[Sample]) -> None:
    first = [_read(title, sample) for sample in samples]
    for sample, image in zip(samples, first, strict=True):
        _check_labelled(title, sample, (image.shape[1], image.shape[2]))
        for path in (*sample.files, *sample.mask_files):
            assert path.is_file(), f"{title}: {sample.id} names {path}, which is no file"
    copies = [pickle.loads(pickle.dumps(sample)) for sample in samples]
    with ThreadPoolExecutor(2) as pool:
        again = list(pool.map(lambda sample: _read(title, sample), [*copies, *copies]))
    message = f"{title}: an image read again, in another thread, differs; keep no state in `read`"
    assert_same(again, [*first, *first], message)


def _read(title: str, sample: Sample) -> Tensor:
    try:
        return read_pixels(sample)
    except UserError as error:
        raise AssertionError(f"{title}: {sample.id}: {error}") from error


def _check_labelled(title: str, sample: Sample, size: tuple[int, int]) -> None:
    labels = sample.target.labels if sample.target else ()
    try:
        target_of(sample, size, labels)
    except UserError as error:
        message = (
            f"{title}: {sample.id}: {error}; if the boxes were drawn in another frame, state it"
        )
        raise AssertionError(message) from error
    if sample.read_masks is None:
        return
    with asking(title, f"read_masks of {sample.id}", torch_draws=False):
        masks = sample.read_masks()
    expected = (len(labels), *size)
    assert masks.dtype == torch.bool and masks.shape == expected, (
        f"{title}: the masks of {sample.id} are {masks.dtype} {list(masks.shape)}, expected "
        f"torch.bool {list(expected)}: one for each box, in the pixels of the image"
    )
