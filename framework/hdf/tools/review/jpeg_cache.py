"""JPEGs of the radiographs for the browser, in a bounded cache."""

from __future__ import annotations

from collections import OrderedDict
from io import BytesIO
from pathlib import Path
from threading import Lock

from PIL import Image
from torch import Tensor

from hdf.drawing.shapes import as_grey
from hdf.images import read_image

LARGEST_SIDE = 2048
QUALITY = 85
ROOM = 512 * 2**20


def encode(image: Tensor) -> bytes:
    """A grey JPEG with the black and white of hdf's other pictures, at most `LARGEST_SIDE` wide
    and high.

    Args:
        image: float32 [1, H, W] in [0, 1].
    """
    grey, _ = as_grey(image, 1, LARGEST_SIDE)
    buffer = BytesIO()
    Image.fromarray(grey).save(buffer, "JPEG", quality=QUALITY)
    return buffer.getvalue()


class Pictures:
    """A cache of JPEGs in memory; safe to use from several threads.

    Args:
        room: the most bytes in the cache.
    """

    def __init__(self, room: int = ROOM) -> None:
        self.room = room
        self._kept: OrderedDict[Path, bytes] = OrderedDict()
        self._size = 0
        self._lock = Lock()

    def offer(self, path: Path, image: Tensor) -> None:
        """Cache an image that has just been read, if there is room for it."""
        if self._size >= self.room:
            return
        self._keep(path, encode(image))

    def get(self, path: Path) -> bytes:
        """The JPEG of a file, which is read again if it is not in the cache.

        Raises:
            UserError: the file can't be read.
        """
        with self._lock:
            if path in self._kept:
                self._kept.move_to_end(path)
                return self._kept[path]
        return self._keep(path, encode(read_image(path)))

    def _keep(self, path: Path, picture: bytes) -> bytes:
        with self._lock:
            self._size += len(picture) - len(self._kept.pop(path, b""))
            self._kept[path] = picture
            while self._size > self.room and len(self._kept) > 1:
                self._size -= len(self._kept.popitem(last=False)[1])
        return picture
