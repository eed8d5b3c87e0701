"""The web application: the page, the images as JSON and as pictures, and saving changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from hdf.drawing.colours import true_colours
from hdf.errors import UserError
from hdf.ratio import RATIO_LABELS
from hdf.tools.review.desk import ConflictError, Desk, RefusedError, shown
from hdf.tools.review.entries import Change
from hdf.tools.review.jpeg_cache import Pictures

PAGE = Path(__file__).parent / "page"
TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
LARGEST_CHANGE = 65_536
"""The most bytes of a change; a dozen boxes take about a thousand."""


def make_app(desk: Desk, pictures: Pictures) -> Starlette:
    """The application, without `hdf.tools.review.serve.Guard`."""
    files = {path.name: path for path in PAGE.iterdir() if path.suffix in TYPES}

    async def page(request: Request) -> Response:
        path = files.get(request.path_params.get("name", "index.html"))
        if path is None:
            return PlainTextResponse("There is no such file.", 404)
        return Response(path.read_bytes(), media_type=TYPES[path.suffix])

    def about(request: Request) -> Response:
        colours = true_colours(len(desk.labels))
        labels = [
            {"name": name, "colour": colour}
            for name, colour in zip(desk.labels, colours, strict=True)
        ]
        return JSONResponse(
            {"labels": labels, "ratio_labels": RATIO_LABELS, "table": desk.table.name}
        )

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
            Route("/page/{name}", page),
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
        saved = desk.save(Change.model_validate_json(body))
    except ConflictError as error:
        return 409, {"entry": None if error.entry is None else shown(error.entry)}
    except ValidationError as error:
        places = ", ".join(".".join(map(str, item["loc"])) for item in error.errors())
        return 422, {"reason": f"the change can't be read: {places}"}
    except RefusedError as error:
        return 422, {"reason": str(error)}
    except OSError as error:
        return 507, {"reason": f"the journal can't be written: {error.strerror}"}
    return 200, {"revision": saved.revision, "warning": saved.warning}
