"""Which files to predict for."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from hdf.errors import Problem, UserError, user_error
from hdf.images import SUFFIXES, is_image


class Source(NamedTuple):
    """One file.

    Attributes:
        path: of the file.
        name: its path below the folder that was named; its own name where it was named itself.
    """

    path: Path
    name: Path


def find_sources(named: Sequence[Path]) -> list[Source]:
    """The named files as they are, and the images in the named folders, each once.

    Folders are searched with all that is in them, in natural order (9 before 10). Hidden files and
    folders are passed over, and so is what is no image by its suffix or, for DICOM, by its content.

    Raises:
        UserError: something named is not there, or there is no image at all.
    """
    missing = [
        Problem(str(path), "there is no such file or folder") for path in named if _gone(path)
    ]
    if missing:
        raise UserError(missing)
    found = {source.path: source for path in named for source in _sources(path)}
    if not found:
        kinds = f"{', '.join(SUFFIXES)} file and no DICOM under another name"
        raise user_error(f"holds no {kinds}", ", ".join(map(str, named)))
    return list(found.values())


def _gone(path: Path) -> bool:
    return not path.exists() and not path.is_symlink()  # a dangling link is told with its reason


def _sources(named: Path) -> Iterator[Source]:
    if not named.is_dir():
        yield Source(named, Path(named.name))
        return
    for folder, inside, names in os.walk(named):
        inside[:] = sorted((name for name in inside if not name.startswith(".")), key=natural)
        for name in sorted(names, key=natural):
            path = Path(folder, name)
            if not name.startswith(".") and is_image(path):
                yield Source(path, path.relative_to(named))


def natural(name: str) -> list[tuple[int, str]]:
    """A key by which numbers inside names count as numbers."""
    pieces = re.split(r"(\d+)", name.casefold())
    return [(int(piece), "") if piece.isdecimal() else (0, piece) for piece in pieces]
