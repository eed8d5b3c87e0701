"""Epochs of a small network over so many images, held in memory or read from a store on disk."""

from __future__ import annotations

import argparse
import json
import tempfile
from functools import partial
from pathlib import Path

import torch

from benchmarks.ellipses import NoisyEllipses
from benchmarks.timing import seconds
from hdf.data.batches import Batches
from hdf.data.folder import StoreFolder
from hdf.data.store import Store, build_store, read_into
from hdf.models.detector import Detector, ModelSpec
from hdf.recipe.schema import Adam, Constant
from hdf.runtime.device import choose_compute
from hdf.runtime.resources import keep_freed_memory, peak_mib
from hdf.training.learner import Learner
from hdf.training.optimisation import build_optimizer, build_schedule
from hdf_plugins.backbones.vgg import VGG11
from hdf_plugins.heads.box_regression import BoxRegression

BATCH = 16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--epochs", type=int, required=True)
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--where", choices=("disk", "memory"), required=True)
    given = parser.parse_args()
    keep_freed_memory()
    size = (given.side, given.side)
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder) if given.where == "disk" else None
        store = _store(given.count, size, where)
        learner = _learner(size)
        learner.detector.fit(store.targets)
        batches = Batches(store, range(len(store)), BATCH)
        _, *times = [
            seconds(partial(learner.epoch, batches, number, lambda done, loss, images: None))
            for number in range(given.epochs + 1)
        ]
    milliseconds = 1000 * sum(times) / len(times) / given.count
    print(json.dumps({"milliseconds_an_image": milliseconds, "peak_mib": peak_mib()}))


def _store(count: int, size: tuple[int, int], folder: Path | None) -> Store:
    """On disk as `hdf run` keeps images that take more than a part of the free memory."""
    samples = NoisyEllipses(count, size, where=Path(__file__)).records()
    if folder is None:
        return build_store(samples, ("heart",), size)
    place = StoreFolder(folder / "store", size, {})
    store, _, _ = read_into(place.pixels, samples, ("heart",), size, "letterbox")
    assert store is not None
    return store


def _learner(size: tuple[int, int]) -> Learner:
    torch.manual_seed(0)
    backbone = VGG11(width=0.125)
    head = BoxRegression(backbone.channels, backbone.strides, ("heart",), size, hidden=(64,))
    spec = ModelSpec({"use": "vgg11"}, {"use": "b"}, "image", ("heart",), size, "letterbox")
    detector = Detector(backbone, head, spec).to(memory_format=torch.channels_last)
    optimizer = build_optimizer(detector, Adam(use="adam"))
    schedule = build_schedule(optimizer, Constant(use="constant"), 10_000)
    return Learner(detector, None, optimizer, schedule, choose_compute("cpu", "auto"), seed=0)


if __name__ == "__main__":
    main()
