"""A review in this process, for tests: its own model's answers, its own server."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from hdf.inference.files import FileResult
from hdf.inference.predictor import Prediction
from hdf.inference.sources import ImagePath
from hdf.models.calibration import Calibration
from hdf.tools.review.desk import Desk
from hdf.types import Detections

if TYPE_CHECKING:
    from hdf.tools.review.app import Pictures

LABELS = ("heart", "left_lung", "right_lung")
SIZE = (120, 160)
FOUND = {
    "heart": [60.0, 50.0, 110.0, 90.0],
    "left_lung": [90.0, 20.0, 140.0, 100.0],
    "right_lung": [20.0, 20.0, 70.0, 100.0],
}
TOKEN = "0123456789abcdef"


class Fixed:
    """Finds `FOUND` in every image, and doubts it by its mean grey value, or as it is told to."""

    calibration: Calibration | None = None
    labels = LABELS

    def __init__(self, doubt: float | None = None, spread: float = 1.0) -> None:
        self.doubt, self.spread = doubt, spread

    def predict(self, images: Sequence[Tensor]) -> list[Prediction]:
        boxes = torch.tensor(list(FOUND.values()))
        spread = torch.full((3, 4), self.spread)
        found = Detections(boxes, torch.arange(3), torch.ones(3), spread)
        doubts = [float(image.mean()) if self.doubt is None else self.doubt for image in images]
        return [Prediction(found, doubt, LABELS) for doubt in doubts]


def films(folder: Path, count: int = 4) -> list[ImagePath]:
    """PNGs film-0.png, …, each brighter than the one before and so more doubtful."""
    folder.mkdir(parents=True, exist_ok=True)
    columns = np.arange(SIZE[1])[None].repeat(SIZE[0], 0) / 4
    paths = [folder / f"film-{number}.png" for number in range(count)]
    for number, path in enumerate(paths):
        Image.fromarray((columns + 40 * number).astype(np.uint8)).save(path)
    return [ImagePath(path, path.name) for path in paths]


def told(films: Sequence[ImagePath], model: Fixed | None = None) -> Iterator[FileResult]:
    from hdf.inference.files import predict_files

    yield from predict_files(model or Fixed(), [film.path for film in films], 0)


def change(name: str, **values: Any) -> dict[str, Any]:
    """A change as the page sends it."""
    plain = {"id": uuid4().hex, "base": 0, "state": "accepted", "boxes": FOUND, "note": ""}
    return {**plain, "name": name, **values}


@dataclass
class Served:
    """A server that runs.

    Attributes:
        port: of 127.0.0.1.
    """

    port: int

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/{TOKEN}/"

    def ask(
        self, path: str, body: Any = None, method: str = "", **headers: str | None
    ) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and headers of an answer; a header that is None is left out."""
        sent: dict[str, str | None] = {"Host": f"127.0.0.1:{self.port}"}
        if body is not None:
            sent["Origin"] = f"http://{sent['Host']}"
            body = body if isinstance(body, bytes) else json.dumps(body).encode()
            sent["Content-Length"] = str(len(body))
        sent |= headers
        link = HTTPConnection("127.0.0.1", self.port, timeout=20)
        link.putrequest(method or ("GET" if body is None else "POST"), path, skip_host=True)
        for name, value in sent.items():
            if value is not None:
                link.putheader(name, value)
        link.endheaders(body)
        answer = link.getresponse()
        result = answer.status, answer.read(), {k.lower(): v for k, v in answer.getheaders()}
        link.close()
        return result

    def below(self, token: str, path: str) -> Any:
        """JSON of an answer below another token."""
        return json.loads(self.ask(f"/{token}/{path}")[1])

    def json(self, path: str, body: Any = None) -> tuple[int, Any]:
        """Status and JSON of an answer, below the token."""
        status, text, _ = self.ask(f"/{TOKEN}/{path}", body)
        return status, json.loads(text)


@contextmanager
def served(desk: Desk, pictures: Pictures | None = None, port: int = 0) -> Iterator[Served]:
    """Serve a desk in a thread of this process."""
    from hdf.tools.review.app import Pictures, make_app
    from hdf.tools.review.serve import make_server, open_socket

    with open_socket("127.0.0.1", port) as listening:
        server = make_server(make_app(desk, pictures or Pictures()), "127.0.0.1", TOKEN)
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            yield Served(listening.getsockname()[1])
        finally:
            server.should_exit = True
            thread.join()


def wait_for(condition: Any, seconds: float = 20) -> Any:
    """What `condition` gives once it is true; an error in it counts as not yet."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with suppress(Exception):
            if value := condition():
                return value
        time.sleep(0.05)
    raise AssertionError("it never happened")
