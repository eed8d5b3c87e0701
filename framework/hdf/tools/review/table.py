"""The tables: accepted boxes as the loader ``csv_boxes`` reads them, and the flagged images."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256
from pathlib import Path

from hdf.errors import Problem, UserError, user_error
from hdf.files.atomic import refuse_unwritable, write_table
from hdf.inference.sources import ImagePath, find_images
from hdf.tools.review.journal import Entry, Written

Row = tuple[str, ...]
COLUMNS = ("name", "label", "x0", "y0", "w", "h", "img_shape_x", "img_shape_y", "review")
FLAGGED = ("name", "note")


def images_to_review(
    folder: Path, say: Callable[[str], None] = lambda text: None
) -> list[ImagePath]:
    """The images that ``hdf predict`` finds below a folder; `say` is told what was passed over.

    Raises:
        UserError: there is no such folder or no image in it, or a table can't name one of them.
    """
    if not folder.is_dir():
        raise user_error("there is no such folder of images", str(folder))
    found = find_images([folder], say)
    if problems := list(_unnameable(found)):
        raise UserError(problems)
    return found


def _unnameable(films: Sequence[ImagePath]) -> Iterator[Problem]:
    """A table's cells are UTF-8 without blanks around them, and may name an image by its stem."""
    names = Counter(name for film in films for name in {film.name, film.stem})
    for film in sorted(films):
        stem = film.stem
        if names[film.name] > 1 or names[stem] > 1:
            yield Problem(str(film.path), "another image has this stem, too; keep one of them")
        as_it_is = film.path.as_posix().endswith(film.name)  # not with bytes that are no UTF-8
        if stem != stem.strip() or not film.name.isprintable() or not as_it_is:
            yield Problem(str(film.path), "no table can hold this name; rename the file")


def journal_path(table: Path) -> Path:
    return table.with_suffix(".journal.jsonl")


def flagged_path(table: Path) -> Path:
    return table.with_suffix(".flagged.csv")


def refuse_tables(table: Path) -> None:
    """Refuse paths that can't be written, or hold files that `write_tables` did not write.

    Raises:
        UserError: with what to do instead.
    """
    folder, journal = table.absolute().parent, journal_path(table)
    if not folder.is_dir():
        raise user_error("is no folder that can be written into; give another --out", str(folder))
    refuse_unwritable(table)
    for path, columns in ((table, COLUMNS), (flagged_path(table), FLAGGED)):
        own = journal.is_file() and path.is_file() and _begins_with(path, columns)
        if path.exists() and not own:
            message = f"was not written by hdf review, with a {journal.name} beside it"
            raise user_error(f"exists, and {message}; give another --out", str(path))


def _begins_with(path: Path, columns: Row) -> bool:
    header = ",".join(columns).encode() + b"\n"
    with path.open("rb") as file:
        return file.read(len(header)) == header


def write_tables(table: Path, entries: Sequence[Entry]) -> Written:
    """Write the boxes of the accepted images, and the list of flagged ones.

    Raises:
        OSError: a table can't be written; it is unchanged.
    """
    for path, (columns, rows) in _contents(table, entries).items():
        if rows or path == table or path.exists():
            write_table(path, columns, rows)
    return Written(table=_digest(table), flagged=_digest(flagged_path(table)))


def edited(table: Path, entries: Sequence[Entry], written: Written | None) -> list[Path]:
    """The tables that are neither in their last written state nor in that of the entries.

    The latter is left by a kill between writing a table and the journal's line about it.
    """
    last = (written.table, written.flagged) if written else ("", "")
    return [
        path
        for (path, content), digest in zip(_contents(table, entries).items(), last, strict=True)
        if path.exists() and _digest(path) != digest and not _holds(path, *content)
    ]


def _contents(table: Path, entries: Iterable[Entry]) -> dict[Path, tuple[Row, list[Row]]]:
    """The columns and rows of both tables."""
    accepted = [row for entry in entries if entry.state == "accepted" for row in _rows(entry)]
    flagged: list[Row] = [(e.name, e.note) for e in entries if e.state == "flagged"]
    return {table: (COLUMNS, accepted), flagged_path(table): (FLAGGED, flagged)}


def _digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest() if path.exists() else ""


def _holds(path: Path, columns: Row, rows: Sequence[Row]) -> bool:
    """Whether a table has exactly these rows, in any order and from any program."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return sorted(map(tuple, csv.reader(file))) == sorted([columns, *rows])
    except (UnicodeDecodeError, csv.Error):
        return False


def remove_leftovers(table: Path) -> None:
    """Remove temporary files that a kill has left."""
    for path in (table, flagged_path(table)):
        for leftover in path.parent.glob(f".{path.name}.*.tmp"):
            leftover.unlink(missing_ok=True)


def _rows(entry: Entry) -> Iterator[Row]:
    height, width = entry.size
    frame = (str(width), str(height), "corrected" if entry.corrected else "accepted")
    for label, edges in entry.boxes.items():
        x0, y0, x1, y1 = (round(edge, 2) for edge in edges)
        yield (entry.name, label, *map(_number, (x0, y0, x1 - x0, y1 - y0)), *frame)


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
