"""Files whose readers go on in small steps, of which a crafted file has no end."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from hdf.errors import UnreadableError


class SteppedFile(io.BufferedReader):
    """A file that can be read only so often.

    Headers are read element by element and marker by marker, in Python. A few megabytes of empty
    ones would take minutes.

    Args:
        path: a regular file.
        most: how many times it may be read.
    """

    def __init__(self, path: Path, most: int) -> None:
        super().__init__(io.FileIO(path))
        self.left = most

    def read(self, size: int | None = -1, /) -> Any:
        """As a file's.

        Raises:
            UnreadableError: it has been read too often.
        """
        self.left -= 1
        if self.left < 0:
            raise UnreadableError("it is made of too many parts")
        return super().read(size)
