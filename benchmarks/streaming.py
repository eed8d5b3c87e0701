"""Peak memory of an epoch of 27,000 images of 224 px and three masks each; at most 1 GiB more."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from hdf.data.batches import Batches
from hdf.data.folder import StoreFolder
from hdf.data.masks import MaskLine, add_masks, mask_keys
from hdf.data.resize import fit
from hdf.data.store import ImageLine, fingerprint, packed_size, read_into
from hdf.runtime.resources import peak_mib
from hdf.types import Sample, Target

COUNT, SIZE, BATCH = 27_000, (224, 224), 32
LABELS = ("heart", "left_lung", "right_lung")


def rows() -> Iterator[tuple[str, str]]:
    """The growth of the peak from before the store was filled to after an epoch of a small net."""
    before = peak_mib()
    target = Target(torch.tensor([[50.0, 50, 150, 150]] * len(LABELS)), LABELS)
    samples = [Sample(str(n), _unread, target, read_masks=_unread) for n in range(COUNT)]
    with tempfile.TemporaryDirectory() as root:
        folder = StoreFolder(Path(root) / "store", SIZE, {})
        _fill(folder, samples)
        began = time.perf_counter()
        images, _, reused = read_into(folder.pixels, samples, LABELS, SIZE, "letterbox")
        assert images is not None and reused == COUNT
        store, _ = add_masks(images, "letterbox", folder.masks)
        assert store is not None
        yield "seconds to open and check", f"{time.perf_counter() - began:.1f}"
        began = time.perf_counter()
        _train(Batches(store, range(COUNT), BATCH))
        yield "images a second", f"{COUNT / (time.perf_counter() - began):.0f}"
    yield "peak memory above the start, MiB", f"{peak_mib() - before}"


def _unread() -> torch.Tensor:
    raise RuntimeError("the image is in the store already")


def _fill(folder: StoreFolder, samples: list[Sample]) -> None:
    random = np.random.default_rng(0)
    geometry, _ = fit(SIZE, SIZE, "letterbox")
    with folder.pixels.adding() as add_image:
        for sample in samples:
            mark = fingerprint(sample)
            line = ImageLine(id=sample.id, fingerprint=mark, geometry=geometry)
            add_image(line, _random(random, SIZE[0] * SIZE[1]))
    masks = _random(random, len(LABELS) * packed_size(SIZE))
    with folder.masks.adding() as add:
        for sample in samples:
            add(MaskLine(id=sample.id, keys=mask_keys(sample, SIZE)), masks)


def _random(random: np.random.Generator, count: int) -> torch.Tensor:
    return torch.from_numpy(random.integers(0, 256, count, np.uint8))


def _train(batches: Batches) -> None:
    net = torch.nn.Conv2d(1, 4, 7, stride=8)
    optimizer = torch.optim.SGD(net.parameters(), 1e-3)
    for batch in batches.shuffled(0, 1):
        masks, _ = batch.targets.masks_per_label(len(LABELS))
        loss = net(batch.images).square().mean() + masks.float().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
