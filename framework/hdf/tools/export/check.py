"""Exporting a model, and checking that the file answers as PyTorch does."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from hdf.errors import user_error
from hdf.files.atomic import replacing
from hdf.inference.onnx import answer_of
from hdf.inference.predictor import Prediction, Predictor, merge_answers
from hdf.models.detector import Detector
from hdf.runtime.device import choose_compute
from hdf.tools.export.formats import FORMATS, Answers

SIZES = ((512, 512), (700, 420), (301, 640), (96, 96), (900, 1100))
"""(height, width) of the images: portrait and landscape, odd, small and large."""
OVALS = (
    (0.2, -0.45, -0.05, 0.34, 0.7),
    (0.2, 0.45, -0.05, 0.34, 0.7),
    (0.8, 0.13, 0.22, 0.42, 0.34),
)
"""Grey level, centre (x, y) and half axes of lungs and heart, in images from -1 to 1."""
MOST_PIXELS = 0.1
MOST_DOUBT = 0.01


class Difference(NamedTuple):
    """The difference between two predictions.

    Attributes:
        pixels: the largest difference of an edge, in pixels of the image; infinite if only one has
            a box.
        doubt: the difference of the novelty scores.
    """

    pixels: float
    doubt: float


def painted_chests() -> Iterator[Tensor]:
    """Images float32 [1, H, W] of all `SIZES`: dark lungs, a bright heart, uneven light; the same
    each time.

    A network that has learnt from radiographs finds something in them, clearly enough for its
    answer not to hang on the last bit.
    """
    for seed, size in enumerate(SIZES):
        y, x = torch.meshgrid(*(torch.linspace(-1, 1, side) for side in size), indexing="ij")
        light = torch.rand(1, 1, 5, 5, generator=torch.Generator().manual_seed(seed))
        image = 0.75 + 0.1 * F.interpolate(light, size, mode="bilinear", align_corners=True)[0, 0]
        for grey, *oval in OVALS:
            image = torch.lerp(image, torch.tensor(grey), _oval(x, y, *oval))
        yield image[None]


def _oval(x: Tensor, y: Tensor, x0: float, y0: float, width: float, height: float) -> Tensor:
    """1 within and 0 without, with a soft edge."""
    distance = (((x - x0) / width) ** 2 + ((y - y0) / height) ** 2).sqrt()
    return torch.sigmoid((1 - distance) * 12)


def export_model(
    detector: Detector, path: Path, kind: str, images: Sequence[Tensor] | Iterator[Tensor]
) -> Difference:
    """Write a detector atomically, after checking the file.

    Args:
        kind: one of `FORMATS`.
        images: float32 [1, H, W] in [0, 1], of any sizes, for which the file must answer as
            PyTorch does.

    Raises:
        UserError: the detector can't be exported, or the file disagrees with PyTorch.
    """
    detector = detector.to(choose_compute("cpu", "float32").device).eval()
    with replacing(path) as temporary:
        FORMATS[kind].write(detector, temporary)
        return check_answers(detector, FORMATS[kind].read(temporary), images)


def check_answers(
    detector: Detector, answers: Answers, images: Sequence[Tensor] | Iterator[Tensor]
) -> Difference:
    """The largest differences over all images.

    Raises:
        UserError: they are larger than `MOST_PIXELS` or `MOST_DOUBT`.
    """
    predictor = Predictor([detector], choose_compute("cpu", "float32"))
    found = [_difference(predictor, answers, image) for image in images]
    largest = Difference(max(item.pixels for item in found), max(item.doubt for item in found))
    if not (largest.pixels <= MOST_PIXELS and largest.doubt <= MOST_DOUBT):
        raise user_error(
            f"the exported graph answers otherwise than PyTorch: edges differ by up to "
            f"{largest.pixels:.3g} px (at most {MOST_PIXELS} may), doubts by {largest.doubt:.3g} "
            f"(at most {MOST_DOUBT}); nothing was written"
        )
    return largest


def _difference(predictor: Predictor, answers: Answers, image: Tensor) -> Difference:
    (expected,) = predictor.predict([image])
    size = (image.shape[-2], image.shape[-1])
    found = merge_answers([answer_of(answers(image))], size, predictor.labels)
    doubt = 0.0 if math.isnan(expected.doubt) else abs(found.doubt - expected.doubt)
    return Difference(_pixels(found, expected), math.inf if math.isnan(doubt) else doubt)


def _pixels(found: Prediction, expected: Prediction) -> float:
    if not torch.equal(found.detections.labels, expected.detections.labels):
        return math.inf
    apart = (found.detections.boxes - expected.detections.boxes).abs()
    return float(apart.max()) if len(apart) else 0.0
