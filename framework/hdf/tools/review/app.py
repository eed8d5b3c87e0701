"""What the page asks for: images as JSON and as pictures, predicted meanwhile; saving changes."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event, Lock, Thread
from typing import Any

from PIL import Image
from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from torch import Tensor

from hdf.drawing.colours import true_colours
from hdf.drawing.shapes import as_grey, as_jpeg
from hdf.errors import UserError
from hdf.images import read_image
from hdf.inference.answer import Answer
from hdf.inference.files import AnyPredictor, predict_files
from hdf.ratio import RATIO_LABELS
from hdf.tools.review.desk import ConflictError, Desk, RefusedError, shown
from hdf.tools.review.journal import Change

PAGE = Path(__file__).parent / "page"
LARGEST_CHANGE = 65_536
"""The most bytes of a change; a dozen boxes take about a thousand."""
LARGEST_SIDE = 2048
ROOM = 512 * 2**20


class Pictures:
    """JPEGs of the images, kept while there is room; safe to use from several threads.

    Args:
        room: bytes of pictures after which no more are kept.
    """

    def __init__(self, room: int = ROOM) -> None:
        self.room = room
        self._kept: dict[Path, bytes] = {}
        self._lock = Lock()

    def offer(self, path: Path, image: Tensor) -> None:
        """Keep an image that has just been read."""
        if self.room > 0:
            self._drawn(path, image)

    def get(self, path: Path) -> bytes:
        """The JPEG of a file, which is read again if it was not kept.

        Raises:
            UserError: the file can't be read.
        """
        return self._kept.get(path) or self._drawn(path, read_image(path))

    def _drawn(self, path: Path, image: Tensor) -> bytes:
        """A grey JPEG with the black and white of hdf's other pictures."""
        grey, _ = as_grey(image, 1, LARGEST_SIDE)
        picture = as_jpeg(Image.fromarray(grey))
        with self._lock:
            if path not in self._kept and self.room >= len(picture):
                self._kept[path] = picture
                self.room -= len(picture)
        return picture


@contextmanager
def predicting(
    predictor: AnyPredictor, desk: Desk, pictures: Pictures, count: Callable[[int, int], None]
) -> Iterator[Thread]:
    """Predict for all films of the desk in a thread; it stops at the end of the block.

    Args:
        count: called with the number of predicted images, and their total number.
    """
    ended = Event()

    def draw(path: Path, image: Tensor, answer: Answer) -> None:
        pictures.offer(path, image)

    def predict() -> None:
        levels = () if predictor.calibration is None else predictor.calibration.levels
        paths = [film.path for film in desk.films]
        try:
            answers = predict_files(predictor, paths, max(levels, default=0), draw)
            for done, result in enumerate(answers, 1):
                desk.add(result)
                count(done, len(paths))
                if ended.is_set():
                    return
        except Exception:
            desk.problem = "prediction has stopped with an error, which the terminal shows"
            traceback.print_exc()

    thread = Thread(target=predict, name="predicting")
    thread.start()
    try:
        yield thread
    finally:
        ended.set()
        thread.join()


def make_app(desk: Desk, pictures: Pictures) -> Starlette:
    """The application, without `hdf.tools.review.serve.Guard`."""

    def page(request: Request) -> Response:
        return FileResponse(PAGE / "index.html")

    def about(request: Request) -> Response:
        colours = zip(desk.labels, true_colours(len(desk.labels)), strict=True)
        labels = [{"name": name, "colour": colour} for name, colour in colours]
        told = {"labels": labels, "ratio_labels": RATIO_LABELS, "table": desk.table.name}
        return JSONResponse(told)

    def images(request: Request) -> Response:
        return JSONResponse(desk.images(request.path_params["after"]))

    def picture(request: Request) -> Response:
        number = request.path_params["number"]
        if number >= len(desk.films):
            return PlainTextResponse("There is no such image.", 404)
        try:
            return Response(pictures.get(desk.films[number].path), media_type="image/jpeg")
        except UserError:
            return PlainTextResponse("The image can't be read any more.", 404)

    async def save(request: Request) -> Response:
        body = await _body(request)
        if body is None:
            return PlainTextResponse("The change is too large.", 413)
        status, answer = await run_in_threadpool(_saved, desk, body)
        return JSONResponse(answer, status)

    return Starlette(
        routes=[
            Route("/", page),
            Mount("/page", StaticFiles(directory=PAGE)),
            Route("/about", about),
            Route("/images/{after:int}", images),
            Route("/picture/{number:int}", picture),
            Route("/save", save, methods=["POST"]),
        ]
    )


async def _body(request: Request) -> bytes | None:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST_CHANGE:
            return None
    return body


def _saved(desk: Desk, body: bytes) -> tuple[int, dict[str, Any]]:
    """The HTTP status, and the answer to the page."""
    try:
        revision, warning = desk.save(Change.model_validate_json(body))
    except ConflictError as error:
        return 409, {"entry": None if error.entry is None else shown(error.entry)}
    except ValidationError as error:
        places = ", ".join(".".join(map(str, item["loc"])) for item in error.errors())
        return 422, {"reason": f"the change can't be read: {places}"}
    except RefusedError as error:
        return 422, {"reason": str(error)}
    except OSError as error:
        return 507, {"reason": f"the journal can't be written: {error.strerror}"}
    return 200, {"revision": revision, "warning": warning}
