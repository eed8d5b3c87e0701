"""Training steps of hdf's engine: VGG16 at 224 px, images in the store."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import torch
from torch import Tensor

from hdf.data.batches import Batches
from hdf.data.store import Store, build_store
from hdf.models.detector import Detector, ModelSpec
from hdf.models.feature_cache import FeatureCache
from hdf.recipe.schema import Adam, Constant
from hdf.runtime.device import choose_compute
from hdf.runtime.resources import keep_freed_memory
from hdf.training.learner import Learner
from hdf.training.optimisation import build_optimizer, build_schedule
from hdf.training.state import compile_detector
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
    parser.add_argument("--channels-first", action="store_true")
    parser.add_argument("--unfused", action="store_true")
    parser.add_argument("--compiled", action="store_true")
    parser.add_argument("--frozen", action="store_true", help="the second epoch counts")
    parser.add_argument("--cached", action="store_true", help="keep a frozen backbone's maps")
    given = parser.parse_args()
    keep_freed_memory()
    count = (given.steps + 1) * given.batch
    samples = CsvBoxes(images=given.images, table=given.table).records()
    size = (given.side, given.side)
    store = build_store(samples[:count], ("heart",), size)
    learner = _learner(size, store, given)
    index = [number % len(store) for number in range(count)]
    batches, ends = Batches(store, index, given.batch), list[float]()
    if given.frozen:
        learner.epoch(batches, 1, _ticking([]))
    learner.epoch(batches, 2, _ticking(ends))
    print(json.dumps({"images_per_second": given.steps * given.batch / (ends[-1] - ends[0])}))


def _ticking(ends: list[float]):  # type: ignore[no-untyped-def]
    """Notes when each step is done; the first one is the warm-up."""
    return lambda done, loss, images: ends.append(time.perf_counter())


class ChannelsFirst(Detector):
    """Images arrive with the channels before rows and columns, as torch has them by default."""

    def normalize(self, images: Tensor) -> Tensor:
        return super().normalize(images).contiguous()


def _learner(size: tuple[int, int], store: Store, given: argparse.Namespace) -> Learner:
    torch.manual_seed(0)
    backbone = VGG16(freeze=5 if given.frozen else 0)
    head = BoxRegression(backbone.channels, backbone.strides, ("heart",), size)
    spec = ModelSpec({"use": "vgg16"}, {"use": "b"}, "image", ("heart",), size, "letterbox")
    kind = ChannelsFirst if given.channels_first else Detector
    detector = kind(backbone, head, spec)
    if not given.channels_first:
        detector = detector.to(memory_format=torch.channels_last)
    detector.fit(store.targets)
    compute = choose_compute("cpu", given.precision)
    if given.compiled:
        compile_detector(detector, given.batch, compute)
    optimizer = build_optimizer(detector, Adam(use="adam"))
    if given.unfused:
        optimizer = torch.optim.Adam(detector.parameters(), lr=1e-4)
    schedule = build_schedule(optimizer, Constant(use="constant"), 10_000)
    cache = FeatureCache(len(store), compute) if given.cached else None
    return Learner(detector, None, optimizer, schedule, compute, seed=0, cache=cache)


if __name__ == "__main__":
    main()
