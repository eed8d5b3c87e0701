"""A folder of decoded images and masks, for one loader, image size and way to resize."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from hdf.data.flat_file import FlatFile
from hdf.data.masks import MaskLine
from hdf.data.store import ImageLine, packed_size
from hdf.errors import user_error
from hdf.files.atomic import write_json, write_text
from hdf.types import Geometry

VERSION = 3
"""Of the files' layout and of how pixels are made: to be raised with any change of either.

`tests/data/test_version.py` notices a change of the pixels.
"""
FLAG = "CONTAINS_IMAGES.txt"
WARNING = """This folder holds copies of radiographs, reduced in size. Treat it as you treat the
radiographs themselves. It may be deleted: hdf makes it anew from the original files.
"""


def _is_own(name: str) -> bool:
    """Whether a store that is being made, or whose making was killed, may hold this file."""
    return name in (FLAG, "header.json") or name.startswith((f".{FLAG}.", ".header.json."))


class StoreFolder:
    """Decoded images on disk, and masks beside them.

    Args:
        settings: what images and masks depend on, apart from their files.

    Attributes:
        pixels: images, a slot each.
        masks: packed masks, a slot each.

    Raises:
        UserError: the folder holds something else, or was made with other settings.
    """

    def __init__(self, path: Path, size: tuple[int, int], settings: Mapping[str, Any]) -> None:
        self.path, self.size = path, size
        images, masks = path / "images.u8", path / "masks.bits"
        self.pixels = FlatFile(images, path / "journal.jsonl", size[0] * size[1], _image_line)
        self.masks = FlatFile(masks, path / "masks.jsonl", packed_size(size), _mask_line)
        header = {"version": VERSION, "image_size": list(size), **settings}
        try:
            self._open(json.loads(json.dumps(header)))
        except OSError as error:
            raise user_error(f"can't be used as a store: {error.strerror}", str(path)) from error

    def _open(self, header: dict[str, Any]) -> None:
        file = self.path / "header.json"
        if file.exists():
            self._refuse_other(file, header)
            with suppress(OSError):  # a store that can only be read serves as well
                os.utime(file)  # when it was last used
            return
        if self.path.exists() and any(not _is_own(item.name) for item in self.path.iterdir()):
            message = "the folder is no store and is not empty; choose another for data.store"
            raise user_error(message, str(self.path))
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_text(self.path / FLAG, WARNING)
        write_json(file, header)

    def _refuse_other(self, file: Path, header: dict[str, Any]) -> None:
        try:
            found = json.loads(file.read_bytes())
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise user_error("the store's header is damaged; delete the folder", str(file))
        keys = [key for key in header if found.get(key) != header[key]]
        if keys:
            raise user_error(
                f"the store was made with another {', '.join(keys)}; choose another folder for "
                "data.store, or delete this one",
                str(file),
            )

    @property
    def nbytes(self) -> int:
        """The size of images and masks on disk, in bytes."""
        files = (self.pixels.path, self.masks.path)
        return sum(file.stat().st_size for file in files if file.exists())


def _image_line(found: dict[str, Any]) -> ImageLine:
    geometry = found.pop("geometry")
    tuples: dict[str, Any] = {key: value and tuple(value) for key, value in geometry.items()}
    return ImageLine(**found, geometry=Geometry(**tuples))


def _mask_line(found: dict[str, Any]) -> MaskLine:
    return MaskLine(**{**found, "keys": tuple(found["keys"])})
