"""The files to predict for."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from hdf.errors import Problem, UserError, user_error
from hdf.images import SUFFIXES, is_image


class ImagePath(NamedTuple):
    """An image file.

    Attributes:
        path: of the file.
        name: its path below the folder that was named, with slashes; its own name if the file
            itself was named.
    """

    path: Path
    name: str


def find_images(named: Sequence[Path]) -> list[ImagePath]:
    """The named files as they are, and the images in the named folders, each once.

    Folders are searched with their sub-folders, in natural order (9 before 10). Hidden files and
    folders are skipped, and so is what is no image by its suffix or, for DICOM, by its content.

    Raises:
        UserError: a file or folder does not exist, or there is no image at all.
    """
    # A link to nowhere is left to the reader, which gives the reason.
    missing = [path for path in named if not path.exists() and not path.is_symlink()]
    if missing:
        raise UserError(Problem(str(path), "there is no such file or folder") for path in missing)
    found = {image.path: image for path in named for image in _images(path)}
    if not found:
        kinds = f"{', '.join(SUFFIXES)} file and no DICOM under another name"
        raise user_error(f"holds no {kinds}", ", ".join(map(str, named)))
    return list(found.values())


def _images(named: Path) -> Iterator[ImagePath]:
    if not named.is_dir():
        yield ImagePath(named, named.name)
        return
    for folder, inside, names in os.walk(named):
        inside[:] = sorted((name for name in inside if not name.startswith(".")), key=natural)
        for name in sorted(names, key=natural):
            path = Path(folder, name)
            if not name.startswith(".") and is_image(path):
                yield ImagePath(path, path.relative_to(named).as_posix())


def natural(name: str) -> list[tuple[int, str]]:
    """A sort key that compares numbers inside names as numbers."""
    pieces = re.split(r"(\d+)", name.casefold())
    return [(int(piece), "") if piece.isdecimal() else (0, piece) for piece in pieces]
