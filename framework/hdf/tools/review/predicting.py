"""Prediction in the background, while the page is already in use."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Thread

from torch import Tensor

from hdf.inference.answer import Answer
from hdf.inference.files import AnyPredictor, predict_files
from hdf.tools.review.desk import Desk
from hdf.tools.review.jpeg_cache import Pictures

Count = Callable[[int, int], None]
"""Called with the number of predicted images, and their total number."""


@contextmanager
def predicting(
    predictor: AnyPredictor, desk: Desk, pictures: Pictures, count: Count
) -> Iterator[Thread]:
    """Predict for all films of the desk in a thread; it stops at the end of the block."""
    ended = Event()
    arguments = (predictor, desk, pictures, count, ended)
    thread = Thread(target=_predict, args=arguments, name="predicting")
    thread.start()
    try:
        yield thread
    finally:
        ended.set()
        thread.join()


def _predict(
    predictor: AnyPredictor, desk: Desk, pictures: Pictures, count: Count, ended: Event
) -> None:
    levels = () if predictor.calibration is None else predictor.calibration.levels

    def draw(path: Path, image: Tensor, answer: Answer) -> None:
        pictures.offer(path, image)

    try:
        paths = [film.path for film in desk.films]
        answers = predict_files(predictor, paths, max(levels, default=0), draw)
        for done, result in enumerate(answers, 1):
            desk.add(result)
            count(done, len(paths))
            if ended.is_set():
                return
    except Exception:
        desk.problem = "prediction has stopped with an error, which the terminal shows"
        traceback.print_exc()
