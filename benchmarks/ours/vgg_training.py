"""Training steps of hdf's engine: VGG16 at 224 px, images in the store."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch

from hdf.compute import choose_compute
from hdf.data.batches import Batches
from hdf.data.store import build_store
from hdf.detector import Detector, ModelSpec
from hdf.memory import keep_freed_memory
from hdf.recipe.schema import Adam, Constant
from hdf.training.loop import Learner
from hdf.training.optimisation import build_optimizer, build_schedule
from hdf_plugins.backbones.vgg import VGG16
from hdf_plugins.heads.box_regression import BoxRegression
from hdf_plugins.loaders.csv_boxes import CsvBoxes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--table", type=Path, required=True)
    parser.add_argument("--precision", choices=("float32", "bfloat16"), required=True)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--side", type=int, default=224)
    given = parser.parse_args()
    keep_freed_memory()
    count = (given.steps + 1) * given.batch
    samples = CsvBoxes(images=given.images, table=given.table).records()
    size = (given.side, given.side)
    store = build_store(samples[:count], ("heart",), size)
    learner = _learner(size, given.precision)
    learner.detector.fit(store.targets)
    index = [number % len(store) for number in range(count)]
    ends: list[float] = []
    learner.epoch(Batches(store, index, given.batch), 1, _ticking(ends))
    print(json.dumps({"images_per_second": given.steps * given.batch / (ends[-1] - ends[0])}))


def _ticking(ends: list[float]):  # type: ignore[no-untyped-def]
    """Notes when each step is done; the first one is the warm-up."""
    return lambda done, loss, images: ends.append(time.perf_counter())


def _learner(size: tuple[int, int], precision: str) -> Learner:
    torch.manual_seed(0)
    backbone = VGG16()
    head = BoxRegression(backbone.channels, backbone.strides, ("heart",), size)
    spec = ModelSpec({"use": "vgg16"}, {"use": "b"}, "image", ("heart",), size, "letterbox")
    detector = Detector(backbone, head, spec).to(memory_format=torch.channels_last)
    optimizer = build_optimizer(detector, Adam(use="adam"))
    schedule = build_schedule(optimizer, Constant(use="constant"), 10_000)
    compute = choose_compute("cpu", precision)  # type: ignore[arg-type]
    return Learner(detector, None, optimizer, schedule, compute, seed=0)


if __name__ == "__main__":
    main()
