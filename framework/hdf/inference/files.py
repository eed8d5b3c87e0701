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
"""Files that each thread reads and predicts at a time; more are not faster."""

Draw = Callable[[Path, Tensor, Answer], None]
"""Called with a file, its image float32 [1, H, W], and the answer."""


class AnyPredictor(Protocol):
    """A `Predictor` or an `OnnxPredictor`.

    Attributes:
        calibration: the calibration of its spreads; None if there is none.
    """

    calibration: Calibration | None

    def predict(self, images: Sequence[Tensor]) -> list[Prediction]:
        """One prediction per image float32 [1, H, W]; safe to call from several threads."""


@dataclass(frozen=True)
class FileResult:
    """The result for one file.

    Attributes:
        answer: None if the file can't be read.
        reason: why it can't be read.
    """

    path: Path
    answer: Answer | None
    reason: str = ""


def predict_files(
    predictor: AnyPredictor, paths: Sequence[Path], coverage: float, draw: Draw | None = None
) -> Iterator[FileResult]:
    """The results for all files, in order.

    Each thread reads a few files and predicts for them, so that decoding and arithmetic keep all
    cores busy.

    Args:
        coverage: one of the levels of the predictor's calibration.
        draw: called in the threads for each image that was read.
    """
    chunks = chunks_of(paths, workers())

    def predicted(chunk: Sequence[Path]) -> list[FileResult]:
        return predict_chunk(predictor, chunk, coverage, draw)

    with one_torch_thread() if len(chunks) > 1 else nullcontext():
        for results in in_order(ThreadPoolExecutor(min(workers(), len(chunks))), predicted, chunks):
            yield from results


def chunks_of(paths: Sequence[Path], count: int) -> list[Sequence[Path]]:
    """The paths in chunks of `TOGETHER`, or smaller ones so that all `count` workers get some."""
    together = max(1, min(TOGETHER, math.ceil(len(paths) / count)))
    return [paths[start : start + together] for start in range(0, len(paths), together)]


def predict_chunk(
    predictor: AnyPredictor, paths: Sequence[Path], coverage: float, draw: Draw | None
) -> list[FileResult]:
    """The results for a few files, whose images form one batch."""
    read = [_read(path) for path in paths]
    images = [item.image for item in read if isinstance(item, _Read)]
    predictions = iter(predictor.predict(images))

    def result(path: Path, item: _Read | UserError) -> FileResult:
        if isinstance(item, UserError):
            return FileResult(path, None, _reason(item))
        height, width = item.image.shape[-2:]
        found, calibration = next(predictions), predictor.calibration
        answer = make_answer(found, (height, width), item.facts, calibration, coverage)
        if draw is not None:
            draw(path, item.image, answer)
        return FileResult(path, answer)

    return [result(path, item) for path, item in zip(paths, read, strict=True)]


class _Read(NamedTuple):
    image: Tensor
    facts: ImageFacts


def _read(path: Path) -> _Read | UserError:
    try:
        return _Read(read_image(path), image_facts(path, patient=False))
    except UserError as error:
        return error


def _reason(error: UserError) -> str:
    """The messages without the path, which is reported separately."""
    return "; ".join(problem.message for problem in error.problems)
