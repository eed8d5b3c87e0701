"""The files to predict for."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from hdf.errors import Problem, UserError, user_error
from hdf.files import utf8_name
from hdf.images import SUFFIXES, is_image, passed_over, stem_of


class ImagePath(NamedTuple):
    """An image file.

    Attributes:
        path: of the file.
        name: its path below the folder that was named, with slashes, as UTF-8 text; its own name if
            the file itself was named.
    """

    path: Path
    name: str

    @property
    def stem(self) -> str:
        """The name without an image format's suffix; the dots of a UID begin none."""
        return stem_of(self.name)


def find_images(
    named: Sequence[Path], say: Callable[[str], None] = lambda text: None
) -> list[ImagePath]:
    """The named files as they are, and the images in the named folders, each once.

    Folders are searched with their sub-folders, in natural order (9 before 10). Hidden files and
    folders are passed over, and so is what is no image by its suffix or, for DICOM, by its content.

    Args:
        say: is told what was passed over, one line at a time.

    Raises:
        UserError: a file or folder does not exist, or there is no image at all.
    """
    # A link to nowhere is left to the reader, which gives the reason.
    missing = [path for path in named if not path.exists() and not path.is_symlink()]
    if missing:
        raise UserError(Problem(str(path), "there is no such file or folder") for path in missing)
    left: list[Path] = []
    found = {image.path: image for path in named for image in _images(path, left, say)}
    if text := passed_over(left):
        say(text)
    if not found:
        kinds = f"{', '.join(SUFFIXES)} file and no DICOM under another name"
        raise user_error(f"holds no {kinds}", ", ".join(map(str, named)))
    return list(found.values())


def _images(named: Path, left: list[Path], say: Callable[[str], None]) -> Iterator[ImagePath]:
    """The images in a folder, or a named file; what is no image is added to `left`."""
    if not named.is_dir():
        yield ImagePath(named, utf8_name(named.name))
        return
    walked = os.walk(
        named, onerror=lambda error: say(f"passed over {error.filename}: {error.strerror}")
    )
    for folder, inside, names in walked:
        for path in [Path(folder, name) for name in inside]:
            if path.is_symlink():
                say(f"passed over {path}: a link to a folder")
            elif path.name.startswith("."):
                left.append(path)
        inside[:] = sorted((name for name in inside if not name.startswith(".")), key=_natural)
        for path in [Path(folder, name) for name in sorted(names, key=_natural)]:
            if path.name.startswith(".") or not is_image(path):
                left.append(path)
            else:
                yield ImagePath(path, utf8_name(path.relative_to(named).as_posix()))


def _natural(name: str) -> list[tuple[int, str]]:
    """A sort key that compares numbers inside names as numbers."""
    pieces = re.split(r"(\d+)", name.casefold())
    return [(int(piece), "") if piece.isdecimal() else (0, piece) for piece in pieces]
