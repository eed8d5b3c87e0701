"""Predicting for many files on all cores."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Protocol

from torch import Tensor

from hdf.errors import UserError
from hdf.images import image_facts, read_image
from hdf.inference.answer import Answer, make_answer
from hdf.inference.predictor import Prediction
from hdf.models.calibration import Calibration
from hdf.runtime.workers import in_order, one_torch_thread, workers
from hdf.types import ImageFacts

TOGETHER = 4
"""Files that each thread reads and computes with at a time; more are no quicker."""

Draw = Callable[[Path, Tensor, Answer], None]
"""Called with a file, its image float32 [1, H, W], and the answer."""


class Answering(Protocol):
    """What answers for images, whatever computes: a `Predictor`, or an `OnnxPredictor`.

    Attributes:
        calibration: how far its spreads can be trusted; None where that is not known.
    """

    calibration: Calibration | None

    def predict(self, images: Sequence[Tensor]) -> list[Prediction]:
        """One prediction for each image float32 [1, H, W]; from several threads at once."""


@dataclass(frozen=True)
class Told:
    """What came of one file.

    Attributes:
        answer: None where it can't be read.
        reason: why it can't.
    """

    path: Path
    answer: Answer | None
    reason: str = ""


def predict_files(
    predictor: Answering, paths: Sequence[Path], coverage: float, draw: Draw | None = None
) -> Iterator[Told]:
    """What comes of each file, in order.

    Each thread reads a few files and computes with them, so that decoding and arithmetic fill the
    cores without waiting for each other.

    Args:
        coverage: one of the levels of the predictor's calibration.
        draw: called in the threads with what was found.
    """
    chunks = chunks_of(paths, workers())

    def answered(chunk: Sequence[Path]) -> list[Told]:
        return predict_chunk(predictor, chunk, coverage, draw)

    with one_torch_thread() if len(chunks) > 1 else nullcontext():
        for told in in_order(ThreadPoolExecutor(min(workers(), len(chunks))), answered, chunks):
            yield from told


def chunks_of(paths: Sequence[Path], hands: int) -> list[Sequence[Path]]:
    """A few files at a time, fewer where some of the `hands` would have none."""
    together = max(1, min(TOGETHER, math.ceil(len(paths) / hands)))
    return [paths[start : start + together] for start in range(0, len(paths), together)]


def predict_chunk(
    predictor: Answering, paths: Sequence[Path], coverage: float, draw: Draw | None
) -> list[Told]:
    """What comes of a few files, which are computed with together."""
    read = [_read(path) for path in paths]
    images = [item.image for item in read if isinstance(item, _Read)]
    predictions = iter(predictor.predict(images))

    def told(path: Path, item: _Read | UserError) -> Told:
        if isinstance(item, UserError):
            return Told(path, None, _reason(item))
        height, width = item.image.shape[-2:]
        found, calibration = next(predictions), predictor.calibration
        answer = make_answer(found, (height, width), item.facts, calibration, coverage)
        if draw is not None:
            draw(path, item.image, answer)
        return Told(path, answer)

    return [told(path, item) for path, item in zip(paths, read, strict=True)]


class _Read(NamedTuple):
    image: Tensor
    facts: ImageFacts


def _read(path: Path) -> _Read | UserError:
    try:
        return _Read(read_image(path), image_facts(path, patient=False))
    except UserError as error:
        return error


def _reason(error: UserError) -> str:
    """Without the file's name, which stands beside it."""
    return "; ".join(problem.message for problem in error.problems)
