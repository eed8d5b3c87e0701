"""An epoch's images from the store on disk against decoding them again (needs HDF_TEST_DATA)."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from statistics import median

import torch

from benchmarks.timing import alternate, ratio
from hdf.data.batches import Batches
from hdf.data.folder import StoreFolder
from hdf.data.store import build_store, read_into
from hdf_plugins.loaders.image_folder import ImageFolder

SIZE, BATCH, ROUNDS = (224, 224), 32, 3


def rows() -> Iterator[tuple[str, str]]:
    """Ratio of images a second, store over decoding on all cores."""
    data = os.environ.get("HDF_TEST_DATA")
    if not data:
        yield "skipped", "HDF_TEST_DATA is not set"
        return
    samples = ImageFolder(images=Path(data) / "chest200" / "images").records()
    with tempfile.TemporaryDirectory() as place:
        folder = StoreFolder(Path(place) / "store", SIZE, {})
        store, _, _ = read_into(folder.pixels, samples, ("heart",), SIZE, "letterbox")
        batches = Batches(store, range(len(store)), BATCH)

        def stored() -> None:
            for _ in batches.shuffled(0, 1):
                pass

        def decoded() -> None:
            images = build_store(samples, ("heart",), SIZE).images
            for index in torch.randperm(len(images)).split(BATCH):
                images[index].float().div_(255)

        fast, slow = alternate(stored, decoded, ROUNDS)
    yield "images a second, streamed from the store", f"{len(samples) / median(fast):.0f}"
    yield "images a second, decoded again", f"{len(samples) / median(slow):.0f}"
    yield "seconds an epoch: decoded again / store", ratio(slow, fast)
