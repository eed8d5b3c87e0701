"""Two processes with one thread each against one process with two, on the same batches."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from benchmarks.timing import ratio
from hdf.data.batches import Batches
from hdf.data.store import Store, build_store
from hdf.models.detector import Detector, ModelSpec
from hdf.recipe.schema import SGD, Adam, Constant
from hdf.runtime.device import choose_compute
from hdf.runtime.process_group import joined
from hdf.runtime.resources import keep_freed_memory
from hdf.runtime.world import World
from hdf.training.learner import Learner
from hdf.training.optimisation import build_optimizer, build_schedule
from hdf.types import Sample, Target
from hdf_plugins.backbones.vgg import VGG11
from hdf_plugins.heads.box_regression import BoxRegression

SIZE, BATCH, STEPS, WARM, ROUNDS = (96, 96), 32, 20, 3, 3
OPTIMIZERS = {"adam": "Adam", "sgd": "SGD"}


class Trained(NamedTuple):
    """What one side tells: the loss of each step over the whole batch, and seconds a step."""

    losses: list[float]
    seconds: float


def rows() -> Iterator[tuple[str, str]]:
    """Throughput, and how far the losses part; one process with another number of threads, too."""
    pairs = [(_start(2, 1, "adam"), _start(1, 2, "adam")) for _ in range(ROUNDS)]
    many, one = ([pair[side].seconds for pair in pairs] for side in (0, 1))
    yield "images a second: two processes / one process", ratio(one, many)
    yield "images a second: two processes", f"{BATCH / min(many):.1f}"
    yield "images a second: one process", f"{BATCH / min(one):.1f}"
    runs = {"adam": pairs[0], "sgd": (_start(2, 1, "sgd"), _start(1, 2, "sgd"))}
    for name, (two, single) in runs.items():
        said = f"{STEPS} steps of {OPTIMIZERS[name]}"
        yield f"largest difference of the loss in {said}", _apart(two.losses, single.losses)
        narrow = _start(1, 1, name).losses
        yield f"one process, one thread / two: {said}", _apart(narrow, single.losses)


def _apart(first: list[float], second: list[float]) -> str:
    return f"{max(abs(a - b) for a, b in zip(first, second, strict=True)):.6f}"


def _start(processes: int, threads: int, optimizer: str) -> Trained:
    """Train in as many processes, with as many threads each."""
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    done = subprocess.run(
        [sys.executable, *launcher, "-m", "benchmarks.processes", optimizer],
        env={**os.environ, "OMP_NUM_THREADS": str(threads)},
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    return Trained(**json.loads(done.stdout))


def _train(world: World, optimizer: str) -> Trained:
    """One epoch: on a batch that is repeated, rounding alone would grow to more than the bar."""
    keep_freed_memory()
    store = build_store([_sample(number) for number in range(BATCH * STEPS)], ("heart",), SIZE)
    learner, batches = _learner(world, store, optimizer), Batches(store, range(len(store)), BATCH)
    losses: list[float] = []
    times: list[float] = []

    def on_step(done: int, loss: Tensor, images: int) -> None:
        parts = world.gather(float(loss))  # of as many images each
        losses.append(sum(parts) / len(parts))
        times.append(time.perf_counter())

    learner.epoch(batches, 1, on_step)
    return Trained(losses, (times[-1] - times[WARM - 1]) / (STEPS - WARM))


def _sample(number: int) -> Sample:
    """Noise with a bright rectangle somewhere."""
    random = np.random.default_rng(number)
    x, y, width, height = random.integers((8, 8, 24, 24), (40, 40, 48, 48)).tolist()
    image = torch.from_numpy(random.random((1, *SIZE), dtype=np.float32) / 2)
    image[:, y : y + height, x : x + width] += 0.5
    box = torch.tensor([[x, y, x + width, y + height]]).float()
    return Sample(str(number), lambda: image, Target(box, ("heart",)))


def _learner(world: World, store: Store, name: str) -> Learner:
    torch.manual_seed(0)
    backbone = VGG11()
    head = BoxRegression(backbone.channels, backbone.strides, ("heart",), SIZE)
    spec = ModelSpec({"use": "vgg11"}, {"use": "b"}, "image", ("heart",), SIZE, "letterbox")
    detector = Detector(backbone, head, spec).to(memory_format=torch.channels_last)
    detector.fit(store.targets)
    settings = Adam(use="adam") if name == "adam" else SGD(use="sgd")
    optimizer = build_optimizer(detector, settings)
    schedule = build_schedule(optimizer, Constant(use="constant"), STEPS)
    compute = choose_compute("cpu", "float32")
    return Learner(detector, None, optimizer, schedule, compute, seed=0, world=world)


if __name__ == "__main__":
    with joined(lambda error: None) as shared:
        trained = _train(shared, sys.argv[1])
        if shared.is_writer:
            print(json.dumps(trained._asdict()))
