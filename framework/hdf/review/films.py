"""Which images are reviewed: those that the loader ``csv_boxes`` finds in a folder."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from hdf.errors import Problem, UserError, user_error
from hdf.images import SUFFIXES
from hdf.inference.sources import natural


def find_films(folder: Path) -> list[Path]:
    """The folder's image files in natural order (9 before 10); sub-folders are not searched.

    Raises:
        UserError: there is no such folder or no image in it, or a table could not name one of them.
    """
    if not folder.is_dir():
        raise user_error("there is no such folder of images", str(folder))
    found = [path for path in folder.iterdir() if _is_film(path)]
    if not found:
        kinds = ", ".join(SUFFIXES)
        raise user_error(f"holds no {kinds} file; sub-folders are not searched", str(folder))
    problems = list(_unnameable(found))
    if problems:
        raise UserError(problems)
    return sorted(found, key=lambda path: natural(path.name))


def _is_film(path: Path) -> bool:
    known = path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    return known and path.is_file()


def _unnameable(films: Sequence[Path]) -> Iterator[Problem]:
    """A table's cells are UTF-8 without blanks around them, and name an image by its stem."""
    stems = Counter(path.stem for path in films)
    for path in sorted(films):
        if stems[path.stem] > 1:
            yield Problem(str(path), "another image has this stem, too; keep one of them")
        if path.stem != path.stem.strip() or not path.name.isprintable():
            yield Problem(str(path), "no table can hold this name; rename the file")
