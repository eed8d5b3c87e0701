"""A dry run of a new detector, which finds faulty components before training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor

from hdf.errors import user_error
from hdf.models.build import errors_of
from hdf.models.detector import Detector, uses_masks
from hdf.recipe.check import Part
from hdf.runtime.device import Compute
from hdf.types import Batch, Detections, pad_targets

IMAGES = 2


def try_detector(detector: Detector, backbone: Part, head: Part, compute: Compute) -> None:
    """Run black images through backbone, head, loss with gradients, and decoding.

    Device and precision are those of the run; no weight changes.

    Raises:
        UserError: a component raises, or breaks the contract of its kind.
    """
    images = torch.zeros(IMAGES, 1, *detector.spec.image_size, device=compute.device)
    batch = _batch(images, len(detector.spec.labels), uses_masks(detector.head))
    training = detector.training
    detector.eval()
    with compute.autocast():
        with _asking(backbone, "forward"), _large_enough(detector):
            features = detector.backbone(detector.normalize(images))
            check_features(detector.backbone, features, detector.spec.image_size)
        with _asking(head, "forward"):
            raw = detector.run_head(features)
    with _asking(head, "loss"):
        terms = detector.loss(raw, batch)
        check_loss(terms)
        total = torch.stack(list(terms.values())).sum()
        if not total.requires_grad:
            raise user_error("neither the backbone nor the head has a parameter that learns")
        total.backward()  # type: ignore[no-untyped-call]
    with _asking(head, "decode"), torch.inference_mode():
        check_detections(detector.decode(raw), len(detector.spec.labels))
    detector.zero_grad(set_to_none=True)
    detector.train(training)


def fault_with_one_image(detector: Detector, compute: Compute) -> str:
    """Why the detector can't learn from one image at a time; empty where it can.

    A batch norm can't where its map is a single pixel: there is nothing to measure a spread of.
    """
    image = torch.zeros(1, 1, *detector.spec.image_size, device=compute.device)
    copy = deepcopy(detector).train()  # its buffers change
    try:
        with torch.no_grad(), compute.autocast():
            copy.run_head(copy.backbone(copy.normalize(image)))
    except Exception as error:  # a component may raise anything
        return f"{type(error).__name__}: {error}"
    return ""


@contextmanager
def _large_enough(detector: Detector) -> Iterator[None]:
    """Name the size of the images where a map would have less than a pixel."""
    try:
        yield
    except Exception as error:
        size, stride = detector.spec.image_size, max(detector.backbone.strides)
        if min(size) >= stride:
            raise
        fault = f"data.image_size of {size[0]} x {size[1]} is too small for this backbone"
        advice = f"take at least {stride} x {stride}"
        raise user_error(
            f"{fault}, whose last map has a stride of {stride} pixels; {advice}"
        ) from error


@contextmanager
def _asking(part: Part, method: str) -> Iterator[None]:
    with errors_of(part, method, mistakes=()):
        try:
            yield
        except Mismatch as error:
            raise user_error(f"{part.component.title}: {method} {error}") from error


class Mismatch(Exception):  # noqa: N818
    """A result is not as the contract demands."""


def check_features(backbone: Any, features: Any, size: tuple[int, int]) -> None:
    """Check the feature maps of `IMAGES` images of `size` against the backbone's attributes.

    Raises:
        Mismatch: they differ.
    """
    if not isinstance(features, list | tuple) or not all(isinstance(f, Tensor) for f in features):
        raise Mismatch(f"gives {_kind(features)}, expected a list of feature maps")
    if not len(features) == len(backbone.channels) == len(backbone.strides):
        raise Mismatch(
            f"gives {len(features)} maps, but there are {len(backbone.channels)} channels "
            f"and {len(backbone.strides)} strides"
        )
    if list(backbone.strides) != sorted(backbone.strides):
        order = ", ".join(map(str, backbone.strides))
        raise Mismatch(f"gives maps of strides {order}, expected them from fine to coarse")
    for number, (found, channels, stride) in enumerate(
        zip(features, backbone.channels, backbone.strides, strict=True)
    ):
        near = all(
            abs(side / stride - cells) < 2
            for side, cells in zip(size, found.shape[2:], strict=False)
        )
        if found.ndim != 4 or found.shape[:2] != (IMAGES, channels) or not near:
            expected = [IMAGES, channels, size[0] // stride, size[1] // stride]
            raise Mismatch(f"gives map {number} as {list(found.shape)}, expected about {expected}")


def check_loss(terms: Any) -> None:
    """Check the result of a head's ``loss``.

    Raises:
        Mismatch: it breaks the contract.
    """
    if not isinstance(terms, dict) or not terms:
        raise Mismatch(f"gives {_kind(terms)}, expected a dict of named terms")
    if "loss" in terms:
        raise Mismatch("names a term 'loss', which is the name of their sum; choose another")
    for name, term in terms.items():
        if not isinstance(term, Tensor) or term.ndim:
            raise Mismatch(f"gives {_kind(term)} as {name!r}, expected a tensor without dimensions")


def check_detections(found: Any, labels: int) -> None:
    """Check the result of a head's ``decode`` for `IMAGES` images.

    Raises:
        Mismatch: it breaks the contract.
    """
    if not isinstance(found, list) or not all(isinstance(item, Detections) for item in found):
        raise Mismatch(f"gives {_kind(found)}, expected a list of hdf.Detections")
    if len(found) != IMAGES:
        raise Mismatch(f"gives {len(found)} Detections for {IMAGES} images")
    for item in found:
        count = len(item.labels)
        if item.boxes.shape != (count, 4) or item.scores.shape != (count,):
            shapes = f"{list(item.boxes.shape)} boxes and {list(item.scores.shape)} scores"
            raise Mismatch(f"gives {shapes} for {count} labels")
        if count and not 0 <= int(item.labels.min()) <= int(item.labels.max()) < labels:
            raise Mismatch(f"gives labels {item.labels.tolist()}, expected 0 to {labels - 1}")


def _kind(value: Any) -> str:
    shape = f" of shape {list(value.shape)}" if isinstance(value, Tensor) else ""
    return f"a {type(value).__name__}{shape}"


def _batch(images: Tensor, labels: int, with_masks: bool) -> Batch:
    """Targets with one box per label in every image: the middle quarter."""
    height, width = images.shape[-2:]
    box = torch.tensor([width / 4, height / 4, width * 3 / 4, height * 3 / 4])
    masks = torch.zeros(labels, height, width, dtype=torch.bool)
    masks[:, height // 4 : -(-height * 3 // 4), width // 4 : -(-width * 3 // 4)] = True
    targets = pad_targets(
        [box.repeat(labels, 1)] * IMAGES,
        [torch.arange(labels)] * IMAGES,
        [masks] * IMAGES if with_masks else None,
    )
    return Batch(images, targets.to(images.device), torch.arange(IMAGES))
