"""Which images are reviewed, and by which names a table tells them apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from hdf.errors import Problem, UserError, user_error
from hdf.images import SUFFIXES
from hdf.inference.sources import ImagePath, find_images


def images_to_review(folder: Path) -> list[ImagePath]:
    """The images that ``hdf predict`` finds in a folder and its sub-folders, in the same order.

    The loader ``csv_boxes`` finds them again by their names.

    Raises:
        UserError: there is no such folder or no image in it, or a table can't name one of them.
    """
    if not folder.is_dir():
        raise user_error("there is no such folder of images", str(folder))
    found = find_images([folder])
    problems = list(_unnameable(found))
    if problems:
        raise UserError(problems)
    return found


def _unnameable(films: Sequence[ImagePath]) -> Iterator[Problem]:
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
