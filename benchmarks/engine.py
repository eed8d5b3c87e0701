"""The engine's training epoch against a hand-written PyTorch loop doing the same work."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

import torch
from kornia.augmentation import RandomAffine, RandomGamma
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.timing import alternate, ratio
from hdf.augmentation.pipeline import Augment
from hdf.data.batches import Batches
from hdf.data.store import Store, build_store
from hdf.models.detector import Detector, ModelSpec
from hdf.recipe.schema import Adam, Constant
from hdf.runtime.device import choose_compute
from hdf.runtime.resources import keep_freed_memory
from hdf.training.learner import Learner
from hdf.training.optimisation import build_optimizer, build_schedule
from hdf_plugins.backbones.vgg import VGG16
from hdf_plugins.heads.box_regression import BoxRegression
from hdf_plugins.loaders.phantom import Phantom

SIZE, BATCH, COUNT, ROUNDS = (96, 96), 32, 128, 9


def rows() -> Iterator[tuple[str, str]]:
    """Ratios of epoch times, engine over hand-written; below 1.05 is the aim."""
    keep_freed_memory()
    store = build_store(Phantom(count=COUNT, size=SIZE).records(), ("heart",), SIZE)
    for augmented in (False, True):
        engine, by_hand = _engine_epoch(store, augmented), _hand_written_epoch(store, augmented)
        ours, theirs = alternate(engine, by_hand, ROUNDS)
        what = "with affine and gamma" if augmented else "without augmentation"
        yield f"seconds an epoch, {what}: engine / by hand", ratio(ours, theirs)
        yield f"images a second, {what}: engine", f"{COUNT / median(ours):.1f}"
        yield f"images a second, {what}: by hand", f"{COUNT / median(theirs):.1f}"


def _modules() -> list[nn.Module]:
    affine = RandomAffine(8.0, (0.1, 0.1), (0.85, 1.2), p=1.0)
    return [affine, RandomGamma((0.7, 1.5), p=1.0)]


def _engine_epoch(store: Store, augmented: bool):  # type: ignore[no-untyped-def]
    compute = choose_compute("cpu", "auto")
    spec = ModelSpec({"use": "vgg16"}, {"use": "b"}, "image", ("heart",), SIZE, "letterbox")
    detector = Detector(*_model(), spec).to(memory_format=torch.channels_last)
    detector.fit(store.targets)
    optimizer = build_optimizer(detector, Adam(use="adam"))
    schedule = build_schedule(optimizer, Constant(use="constant"), 10_000)
    augment = Augment(_modules(), SIZE) if augmented else None
    learner = Learner(detector, augment, optimizer, schedule, compute, seed=0)
    batches = Batches(store, range(len(store)), BATCH)
    return lambda: learner.epoch(batches, 1, lambda done, loss, images: None)


def _model() -> tuple[VGG16, BoxRegression]:
    torch.manual_seed(0)
    backbone = VGG16()
    return backbone, BoxRegression(backbone.channels, backbone.strides, ("heart",), SIZE)


def _hand_written_epoch(store: Store, augmented: bool):  # type: ignore[no-untyped-def]
    """What a careful person writes for this one task, with nothing general about it."""
    backbone, head = _model()
    model = nn.Sequential(backbone.features, nn.Flatten(), head.layers)
    model = model.to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4, fused=True)
    images, boxes = store.images, store.targets.boxes[:, 0]
    code = _encode(boxes)
    mean, spread = code.mean(0), code.std(0)
    modules = _modules() if augmented else []
    dtype = choose_compute("cpu", "auto").dtype

    def epoch() -> float:
        total = 0.0
        for index in torch.randperm(len(images)).split(BATCH):
            batch, truth = images[index].float().div_(255), boxes[index]
            for module in modules:
                batch = module(batch)
            if modules:
                truth = _warp_corners(truth, modules[0].transform_matrix)
            spreads, means = torch.std_mean(batch, dim=(1, 2, 3), keepdim=True)
            batch = (batch - means) / spreads
            with torch.autocast("cpu", dtype=dtype, enabled=dtype is not torch.float32):
                answer = model(batch.contiguous(memory_format=torch.channels_last))
            loss = F.mse_loss(answer.float(), (_encode(truth) - mean) / spread)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += float(loss.detach()) * len(index)
        return total

    return epoch


def _encode(boxes: Tensor) -> Tensor:
    size = boxes[:, 2:] - boxes[:, :2]
    center = (boxes[:, 2:] + boxes[:, :2]) / 2
    return torch.cat([center / SIZE[0], (size / SIZE[0]).clamp(min=1e-3).log()], 1)


def _warp_corners(boxes: Tensor, matrix: Tensor) -> Tensor:
    """The bounds of the warped corners."""
    x0, y0, x1, y1 = boxes.unbind(1)
    corners = torch.stack([x0, y0, x1, y0, x1, y1, x0, y1], 1).view(-1, 4, 2)
    moved = corners @ matrix[:, :2, :2].mT + matrix[:, None, :2, 2]
    return torch.cat([moved.amin(1), moved.amax(1)], 1).clamp(0, SIZE[0])
