"""Predicting for many files, on all cores or in several processes."""

from __future__ import annotations

import math
import multiprocessing
import os
import pickle
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from hdf.errors import UserError, user_error
from hdf.images import image_facts, read_image
from hdf.inference.answer import Answer, make_answer
from hdf.inference.predictor import Prediction
from hdf.models.calibration import Calibration
from hdf.runtime.resources import cores
from hdf.runtime.workers import Processes, end_with_parent, in_order, one_torch_thread, workers
from hdf.types import ImageFacts

TOGETHER = 4
"""Files that each thread reads and predicts at a time; more are not faster."""

Draw = Callable[[Path, Tensor, Answer], None]
"""Called with a file, its image float32 [1, H, W], and the answer."""


class AnyPredictor(Protocol):
    """A `Predictor` or an `OnnxPredictor`."""

    calibration: Calibration | None

    def predict(self, images: Sequence[Tensor]) -> list[Prediction]:
        """One prediction per image float32 [1, H, W]; safe to call from several threads."""


Load = Callable[..., AnyPredictor]
"""Loads a predictor onto the device that the keyword ``device`` names."""


@dataclass(frozen=True)
class FileResult:
    """The answer for a file; None where it can't be read, with the reason."""

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
    chunks = _chunks(paths, workers())
    predicted = partial(_predict_chunk, predictor, coverage=coverage, draw=draw)
    with one_torch_thread() if len(chunks) > 1 else nullcontext():
        for results in in_order(ThreadPoolExecutor(min(workers(), len(chunks))), predicted, chunks):
            yield from results


def _chunks(paths: Sequence[Path], count: int) -> list[Sequence[Path]]:
    """The paths in chunks of `TOGETHER`, or smaller ones so that all `count` workers get some."""
    together = max(1, min(TOGETHER, math.ceil(len(paths) / count)))
    return [paths[start : start + together] for start in range(0, len(paths), together)]


def _predict_chunk(
    predictor: AnyPredictor, paths: Sequence[Path], coverage: float, draw: Draw | None
) -> list[FileResult]:
    """The results for a few files, whose images form one batch."""
    read: dict[Path, tuple[Tensor, ImageFacts]] = {}
    results: dict[Path, FileResult] = {}
    for path in paths:
        try:
            read[path] = read_image(path), image_facts(path, patient=False)
        except UserError as error:
            reason = "; ".join(problem.message for problem in error.problems)
            results[path] = FileResult(path, None, reason)
    predictions = predictor.predict([image for image, _ in read.values()])
    for (path, (image, facts)), prediction in zip(read.items(), predictions, strict=True):
        size = (image.shape[-2], image.shape[-1])
        answer = make_answer(prediction, size, facts, predictor.calibration, coverage)
        if draw is not None:
            draw(path, image, answer)
        results[path] = FileResult(path, answer)
    return [results[path] for path in paths]


def predict_in_processes(
    load: Load, device: str, paths: Sequence[Path], coverage: float, draw: Draw | None, count: int
) -> Iterator[FileResult]:
    """`predict_files` in `count` processes, which load the models and share GPUs and cores.

    `load` and `draw` are pickled. A `UserError` tells that a process has died.
    """
    spawn = multiprocessing.get_context("spawn")
    predict = partial(_predict_chunk, coverage=coverage, draw=draw)
    started = (spawn.Value("i", 0), count, load, device, predict)
    pool = Processes(count, spawn, initializer=_start, initargs=started)
    try:
        for packed in in_order(pool, _predicted, _chunks(paths, count)):
            yield from pickle.loads(packed)
    except BrokenProcessPool as error:
        message = "a process died, perhaps for lack of memory; try a smaller --nproc"
        raise user_error(message) from error


Predict = Callable[..., list[FileResult]]
_ready: list[Predict] = []
"""In a worker process: the function that predicts."""


def _start(
    number: Synchronized[int], count: int, load: Load, device: str, predict: Predict
) -> None:
    end_with_parent()
    if "OMP_NUM_THREADS" not in os.environ:
        torch.set_num_threads(max(1, cores() // count))
    with number.get_lock():
        own = number.value
        number.value += 1
    if device in ("auto", "cuda") and torch.cuda.is_available():
        device = f"cuda:{own % torch.cuda.device_count()}"
    _ready.append(partial(predict, load(device=device)))


def _predicted(paths: Sequence[Path]) -> bytes:
    """The pickled results: torch would open a socket for each small tensor."""
    (predict,) = _ready
    return pickle.dumps(predict(paths))
