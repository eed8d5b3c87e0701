"""Tables of boxes in CSV: one row a box, faults kept with their row.

The challenge's table is ``stage_2_train_labels.csv`` of the RSNA Pneumonia Detection Challenge
(Shih et al., Radiology: Artificial Intelligence 2019).
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from hdf.errors import UserError, user_error
from hdf.files import read_text
from hdf_plugins.loaders.annotated import Annotated, Box, Frame, from_corners, number_of
from hdf_plugins.loaders.columns import TableColumns, find_columns, has_names

MAX_BYTES = 100_000_000
SEPARATORS = ",;\t|"


def read_table(
    path: Path,
    label: str | None = None,
    columns: Mapping[str, str | int] | None = None,
    frame: Frame = None,
) -> tuple[list[Annotated], TableColumns]:
    """Read a table of boxes; columns in any order, others ignored.

    Args:
        path: CSV in UTF-8, with commas, semicolons, tabs or bars between its cells.
        label: that of all boxes; None where the table says, or its usual one.
        columns: columns of unusual names, or positions (`hdf_plugins.loaders.columns.NAMES`).
        frame: of all boxes; None where columns say it, or for the images' own pixels.

    Returns:
        All rows, the faulty ones included, in the order of the file; and the columns.

    Raises:
        UserError: the file is missing, too large, empty, no UTF-8 text or no CSV, columns are
            missing, the options contradict the table, or all boxes lie within one pixel.
    """
    text = _text(path)
    start = next((line for line in text.splitlines() if line.strip()), "")
    stated = re.fullmatch(r"sep=(.)", start, re.IGNORECASE)  # as Excel writes it
    separator = stated[1] if stated else max(SEPARATORS, key=start.count)
    lines = _numbered(path, csv.reader(StringIO(text), strict=True, delimiter=separator))
    if stated:
        next(lines)
    line, first = next(lines, (1, []))
    where = f"{path}:{line}"
    if not first:
        raise user_error("the table is empty", where)
    found = find_columns(first, columns or {}, where)
    if frame is not None and found.frame:
        message = f"the table has columns of the frame ({', '.join(found.frame)})"
        raise user_error(f"{message}; remove the loader's option `frame`", where)
    form = _Form(found, _label(found, label, where), frame, comma=separator == ";")
    begun = [] if has_names(first) else [(line, first)]
    rows = [form.row(f"{path.name}:{at}", cells) for at, cells in (*begun, *lines)]
    if not rows:
        raise user_error("the table has no rows", where=str(path))
    edges = [edge for row in rows if row.frame is None for box, _ in row.boxes for edge in box]
    if edges and max(map(abs, edges)) <= 1 and not all(map(float.is_integer, edges)):
        raise user_error(
            "all boxes lie within one pixel, so that they are fractions of the image's sides; say "
            "so with the loader's option `frame: [1, 1]`",
            str(path),
        )
    return rows, found


def _text(path: Path) -> str:
    if not path.is_file():
        raise user_error("there is no such table", where=str(path))
    try:
        return read_text(path, MAX_BYTES)
    except UserError as error:
        if not isinstance(error.__cause__, UnicodeDecodeError):
            raise
        raise user_error("is not UTF-8 text; save the table as 'CSV UTF-8'", str(path)) from error


def _label(columns: TableColumns, label: str | None, where: str) -> str:
    """The label of all boxes; empty where a column holds them."""
    if "label" in columns.roles:
        if label is not None:
            message = "the table has a column of labels; remove the loader's option `label`"
            raise user_error(message, where)
        return ""
    usual = "opacity" if columns.challenge else "heart" if columns.make is from_corners else ""
    if not (label or usual):
        message = "the table has no column of labels; say what the boxes are with the loader's"
        raise user_error(f"{message} `label`, as in `label: heart`", where)
    return label or usual


def _numbered(path: Path, reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    line = 1
    try:
        for cells in reader:
            if any(map(str.strip, cells)):
                yield line, [cell.strip() for cell in cells]
            line = reader.line_num + 1  # type: ignore[attr-defined]
    except csv.Error as error:
        message = f"is not readable as CSV from here on: {error}"
        raise user_error(message, f"{path}:{line}") from error


@dataclass(frozen=True, slots=True)
class _Form:
    """How each row is read; label and frame are those of all boxes, where no columns hold them."""

    columns: TableColumns
    label: str
    frame: Frame
    comma: bool  # whether decimals may have one, as where semicolons separate the cells

    def row(self, where: str, cells: list[str]) -> Annotated:
        header, roles = self.columns.header, self.columns.roles
        while len(cells) > len(header) and not cells[-1]:
            cells.pop()
        row = Annotated(where, cells=dict(zip(header, cells, strict=False)))
        row.name = row.cells.get(roles["name"], "")
        if len(cells) != len(header):
            row.refuse(f"{len(cells)} cells, but the header has {len(header)}")
            return row
        said = {role: row.cells[column] for role, column in roles.items()}
        row.patient = said.get("patient", "")
        row.frame = self._frame(row)
        box = self._box(row)
        if box and not row.faults:
            row.add(where, box, said.get("label", self.label))
        empty = (role for role in ("name", "patient") if said.get(role) == "")
        row.refuse(*(f"the {role} is empty" for role in empty))
        return row

    def _box(self, row: Annotated) -> Box | None:
        """None where there is none, or where it can't be read."""
        columns = self.columns
        written = [column for column in columns.box if row.cells[column]]
        target = row.cells[columns.roles["target"]] if columns.challenge else "1"
        if target not in ("0", "1"):
            row.refuse(f"Target is '{target[:40]}'; expected 0 or 1")
        elif target == "0" and written:
            row.refuse(f"Target is 0, no box, but there is a value for {written[0]}")
        if target != "1" or not (written or columns.challenge):
            return None  # four empty cells: how tables state an image without a box
        numbers = self._numbers(row, columns.box)
        return columns.make(*numbers) if numbers else None

    def _frame(self, row: Annotated) -> Frame:
        numbers = self._numbers(row, self.columns.frame)
        if not numbers:
            return None if self.columns.frame else self.frame
        width, height = numbers
        if min(numbers) < 1 or not all(map(float.is_integer, numbers)):
            row.refuse(f"the frame is {width:g} x {height:g}; expected whole numbers of pixels")
        return int(height), int(width)

    def _numbers(self, row: Annotated, columns: Sequence[str]) -> list[float]:
        """Empty, with faults, where a cell is no number."""
        numbers = []
        for column in columns:
            cell = row.cells[column]
            number = number_of(cell.replace(",", ".") if self.comma else cell)
            if number is None:
                row.refuse(f"{column} is '{cell[:40]}'; expected a number of pixels, such as 12.5")
            else:
                numbers.append(number)
        return numbers if len(numbers) == len(columns) else []
