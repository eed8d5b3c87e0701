"""The images under review, and their names in the table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from hdf.errors import Problem, UserError, user_error
from hdf.images import SUFFIXES
from hdf.inference.sources import find_sources


class Film(NamedTuple):
    """An image under review.

    Attributes:
        path: of the file.
        name: its path below the folder under review, as the loader ``csv_boxes`` finds it.
    """

    path: Path
    name: str


def find_films(folder: Path) -> list[Film]:
    """The images that ``hdf predict`` finds in a folder and those below it, in its order.

    Raises:
        UserError: there is no such folder or no image in it, or a table could not name one of them.
    """
    if not folder.is_dir():
        raise user_error("there is no such folder of images", str(folder))
    found = [Film(source.path, source.name.as_posix()) for source in find_sources([folder])]
    problems = list(_unnameable(found))
    if problems:
        raise UserError(problems)
    return found


def _unnameable(films: Sequence[Film]) -> Iterator[Problem]:
    """A table's cells are UTF-8 without blanks around them, and may name an image by its stem."""
    names = Counter(name for film in films for name in {film.name, _stem(film.name)})
    for film in sorted(films):
        stem = _stem(film.name)
        if names[film.name] > 1 or names[stem] > 1:
            yield Problem(str(film.path), "another image has this stem, too; keep one of them")
        if stem != stem.strip() or not film.name.isprintable():
            yield Problem(str(film.path), "no table can hold this name; rename the file")


def _stem(name: str) -> str:
    """Without the suffix, where that is an image format's: a DICOM's name may be full of dots."""
    stem, dot, suffix = name.rpartition(".")
    return stem if f"{dot}{suffix}".lower() in SUFFIXES else name
