"""Tables of boxes in CSV: one row a box, faults kept with their row.

The challenge's table is ``stage_2_train_labels.csv`` of the RSNA Pneumonia Detection Challenge
(Shih et al., Radiology: Artificial Intelligence 2019).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hdf.errors import user_error
from hdf.types import Fault
from hdf_plugins.loaders.annotations import (
    Box,
    from_corner_and_size,
    from_corners,
    misplaced,
    number_of,
)
from hdf_plugins.loaders.columns import TableColumns, find_columns, has_names

MAX_BYTES = 100_000_000
NO_BOX = (0.0, 0.0, 0.0, 0.0)
SEPARATORS = ",;\t|"
COMMON_LABEL = "the table has no column of labels; say what the boxes are with the loader's `label`"


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table.

    Attributes:
        where: file and line, such as ``hearts.csv:17``.
        name: the image's name as written; empty where the row has none.
        label: the structure in the box.
        box: (x0, y0, x1, y1) on pixel edges of `frame`, rounded to float32; zeros where it can't be
            read, None where the row says that its image has no box.
        frame: (height, width) in which the box was drawn, or None where the table doesn't say.
        patient: whose image it is, as written; empty where the table doesn't say.
        faults: what is wrong with the row, each opening with `where`.
    """

    where: str
    name: str
    label: str
    box: Box | None
    frame: tuple[int, int] | None
    patient: str
    faults: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """All rows of a table, the faulty ones included, in the order of the file."""

    rows: list[Row]
    columns: TableColumns

    @property
    def labels(self) -> set[str]:
        """The labels of all sound boxes."""
        return {row.label for row in self.rows if row.box and not row.faults}


@dataclass(frozen=True, slots=True)
class Reading:
    """How to read a table, where its header does not say so.

    Attributes:
        label: that of all boxes; None where the table says, or its usual one.
        columns: columns of unusual names, or positions (`hdf_plugins.loaders.columns.NAMES`).
        frame: (height, width) of what all boxes are measured in; None for the images' own pixels.
    """

    label: str | None = None
    columns: Mapping[str, str | int] = field(default_factory=dict)
    frame: tuple[int, int] | None = None


def read_table(path: Path, how: Reading) -> Table:
    """Read a table of boxes; columns in any order, others ignored.

    Args:
        path: CSV in UTF-8, with commas, semicolons, tabs or bars between its cells.
        how: what the loader's options say.

    Raises:
        UserError: the file is missing, too large, empty, no UTF-8 text or no CSV, columns are
            missing, the options contradict the table, or all boxes lie within one pixel.
    """
    if not path.is_file():
        raise user_error("there is no such table", where=str(path))
    if path.stat().st_size > MAX_BYTES:
        message = f"is larger than a table of boxes may be ({MAX_BYTES // 10**6} MB)"
        raise user_error(message, where=str(path))
    try:
        table = _parse(path, how)
    except UnicodeDecodeError as error:
        message = f"is not UTF-8 text ({error.reason}); save the table as 'CSV UTF-8'"
        raise user_error(message, where=str(path)) from error
    except OSError as error:
        raise user_error(f"can't be opened: {error.strerror}", where=str(path)) from error
    if not table.rows:
        raise user_error("the table has no rows", where=str(path))
    _refuse_fractions(table, path)
    return table


def _parse(path: Path, how: Reading) -> Table:
    with path.open(encoding="utf-8-sig", newline="") as file:
        start = next((line for line in file if line.strip()), "")
        separator = max(SEPARATORS, key=start.count)
        file.seek(0)
        lines = _numbered(path, csv.reader(file, strict=True, delimiter=separator))
        line, first = next(lines, (1, []))
        if not first:
            raise user_error("the table is empty", f"{path}:{line}")
        columns = find_columns(first, how.columns, f"{path}:{line}")
        label = _label(columns, how, f"{path}:{line}")
        begun = [] if has_names(first) else [(line, first)]
        form = _Form(columns, label, how.frame, comma=separator == ";")
        rows = [_row(f"{path.name}:{at}", form, cells) for at, cells in (*begun, *lines)]
    return Table(rows, columns)


def _label(columns: TableColumns, how: Reading, where: str) -> str:
    if how.frame is not None and columns.frame:
        message = f"the table has columns of the frame ({', '.join(columns.frame)})"
        raise user_error(f"{message}; remove the loader's option `frame`", where)
    if "label" in columns.roles:
        if how.label is not None:
            message = "the table has a column of labels; remove the loader's option `label`"
            raise user_error(message, where)
        return ""
    if not (how.label or columns.label):
        raise user_error(f"{COMMON_LABEL}, as in `label: heart`", where)
    return how.label or columns.label


def _refuse_fractions(table: Table, path: Path) -> None:
    """Boxes of less than a pixel are fractions of the image's sides, in a frame of 1 by 1."""
    boxes = [row.box for row in table.rows if row.box and row.frame is None and not row.faults]
    edges = [edge for box in boxes for edge in box]
    if edges and max(map(abs, edges)) <= 1 and not all(map(float.is_integer, edges)):
        raise user_error(
            "all boxes lie within one pixel, so that they are fractions of the image's sides; say "
            "so with the loader's option `frame: [1, 1]`",
            str(path),
        )


def _numbered(path: Path, reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    line = 1
    try:
        for cells in reader:
            if any(map(str.strip, cells)):
                yield line, [cell.strip() for cell in cells]
            line = reader.line_num + 1  # type: ignore[attr-defined]
    except csv.Error as error:
        raise user_error(
            f"is not readable as CSV from here on: {error}", f"{path}:{line}"
        ) from error


@dataclass(frozen=True, slots=True)
class _Form:
    """How each row is read.

    Attributes:
        label: that of all boxes, where no column holds them.
        frame: that of all boxes, where no columns hold it.
        comma: whether decimals may have a comma, as where semicolons separate the cells.
    """

    columns: TableColumns
    label: str
    frame: tuple[int, int] | None
    comma: bool


def _row(where: str, form: _Form, cells: list[str]) -> Row:
    columns = form.columns
    if len(cells) != len(columns.header):
        at = columns.header.index(columns.roles["name"])
        name = cells[at] if at < len(cells) else ""
        fault = f"{where}: {len(cells)} cells, but the header has {len(columns.header)}"
        return Row(where, name, "", NO_BOX, None, "", (fault,))
    row = dict(zip(columns.header, cells, strict=True))
    said = {role: row[column] for role, column in columns.roles.items()}
    faults: list[str] = []
    frame = _frame(row, form, faults)
    box = _box(row, form, faults)
    if box is not None and not faults:
        faults += misplaced(box, frame)
    label = said.get("label", form.label)
    texts = {"name": said["name"], "label": label or box is None} | (
        {"patient": said["patient"]} if "patient" in said else {}
    )
    faults += [f"the {key} is empty" for key, text in texts.items() if not text]
    located = tuple(Fault.at(where, fault) for fault in faults)
    return Row(where, said["name"], label, box, frame, said.get("patient", ""), located)


def _box(row: dict[str, str], form: _Form, faults: list[str]) -> Box | None:
    columns = form.columns
    if columns.challenge and row[columns.roles["target"]] != "1":
        target = row[columns.roles["target"]]
        written = [column for column in columns.box if row[column]]
        if target != "0":
            faults.append(f"Target is '{target[:40]}'; expected 0 or 1")
        elif written:
            faults.append(f"Target is 0, no box, but there is a value for {written[0]}")
        return None
    numbers = _numbers(row, columns.box, form, faults)
    if numbers is None:
        return NO_BOX
    first, second, third, fourth = numbers
    if columns.layout == "corners":
        return from_corners(first, second, third, fourth)
    if columns.layout == "center":
        first, second = first - third / 2, second - fourth / 2
    return from_corner_and_size(first, second, third, fourth)


def _frame(row: dict[str, str], form: _Form, faults: list[str]) -> tuple[int, int] | None:
    if not form.columns.frame:
        return form.frame
    numbers = _numbers(row, form.columns.frame, form, faults)
    if numbers is None:
        return None
    width, height = numbers
    if min(numbers) < 1 or not all(map(float.is_integer, numbers)):
        faults.append(f"the frame is {width:g} x {height:g}; expected whole numbers of pixels")
    return int(height), int(width)


def _numbers(
    row: dict[str, str], columns: Sequence[str], form: _Form, faults: list[str]
) -> list[float] | None:
    cells = [row[column].replace(",", ".") if form.comma else row[column] for column in columns]
    numbers = [number_of(cell) for cell in cells]
    bad = [column for column, number in zip(columns, numbers, strict=True) if number is None]
    faults += [f"{column} is '{row[column][:40]}'; expected a number of pixels" for column in bad]
    return [number for number in numbers if number is not None] if not bad else None
