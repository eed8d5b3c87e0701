"""Tables of boxes in CSV: one row a box, faults kept with their row."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from hdf.errors import user_error

Box = tuple[float, float, float, float]

CORNER_AND_SIZE = ("label", "x0", "y0", "w", "h", "name")
CORNERS = ("name", "x_min", "y_min", "x_max", "y_max")
FRAME = ("img_shape_x", "img_shape_y")
DEFAULT_LABEL = "heart"
MAX_BYTES = 100_000_000
MAX_COORDINATE = 1e7
TOLERANCE = 1.0  # pixels that a box may reach over its frame: rounding, not a mistake
NO_BOX = (0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table.

    Attributes:
        place: file and line, such as ``hearts.csv:17``.
        name: the image's name as written; empty where the row has none.
        label: the structure in the box.
        box: (x0, y0, x1, y1) on pixel edges of `frame`, rounded to float32; zeros where it can't be
            read.
        frame: (height, width) in which the box was drawn, or None where the table doesn't say.
        faults: what is wrong with the row, each opening with `place`.
    """

    place: str
    name: str
    label: str
    box: Box
    frame: tuple[int, int] | None
    faults: tuple[str, ...]


def read_table(path: Path) -> list[Row]:
    """All rows of a table, the faulty ones included; columns in any order, others ignored.

    Args:
        path: CSV in UTF-8 with the columns ``label,x0,y0,w,h,name`` (upper left corner and size)
            or ``name,x_min,y_min,x_max,y_max[,label]`` (without a label: `heart`), each with
            ``img_shape_x,img_shape_y`` where boxes were drawn in another frame than the image's.

    Raises:
        UserError: the file is missing, too large, empty, no UTF-8 text or no CSV, or columns are
            missing.
    """
    if not path.is_file():
        raise user_error("there is no such table", where=str(path))
    if path.stat().st_size > MAX_BYTES:
        message = f"is larger than a table of boxes may be ({MAX_BYTES // 10**6} MB)"
        raise user_error(message, where=str(path))
    try:
        rows = _parse(path)
    except UnicodeDecodeError as error:
        message = f"is not UTF-8 text ({error.reason}); save the table as 'CSV UTF-8'"
        raise user_error(message, where=str(path)) from error
    except OSError as error:
        raise user_error(f"can't be opened: {error.strerror}", where=str(path)) from error
    if not rows:
        raise user_error("the table has no rows", where=str(path))
    return rows


def _parse(path: Path) -> list[Row]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = _numbered(path, csv.reader(file, strict=True))
        line, header = next(lines, (1, []))
        columns = [cell.strip().lower() for cell in header]
        _check_columns(columns, f"{path}:{line}")
        return [_row(f"{path.name}:{line}", columns, cells) for line, cells in lines]


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


def _check_columns(columns: list[str], where: str) -> None:
    if not columns:
        raise user_error("the table is empty", where)
    twice = sorted({name for name in columns if name and columns.count(name) > 1})
    if twice:
        raise user_error(f"the header names twice: {', '.join(twice)}", where)
    known = any(set(wanted) <= set(columns) for wanted in (CORNER_AND_SIZE, CORNERS))
    if known and len(set(FRAME) & set(columns)) != 1:
        return
    message = (
        f"the columns are {','.join(columns)[:200]}; expected {','.join(CORNER_AND_SIZE)}"
        f"[,{','.join(FRAME)}] or {','.join(CORNERS)}[,label][,{','.join(FRAME)}]"
    )
    raise user_error(message, where)


def _row(place: str, columns: list[str], cells: list[str]) -> Row:
    if len(cells) != len(columns):
        at = columns.index("name")
        name = cells[at] if at < len(cells) else ""
        fault = f"{place}: {len(cells)} cells, but the header has {len(columns)}"
        return Row(place, name, "", NO_BOX, None, (fault,))
    row = dict(zip(columns, cells, strict=True))
    faults: list[str] = [f"the {key} is empty" for key in ("name", "label") if row.get(key) == ""]
    frame = _frame(row, faults)
    box = _box(row, faults)
    if not faults:
        faults += _misplaced(box, frame)
    label = row.get("label", DEFAULT_LABEL)
    return Row(place, row["name"], label, box, frame, tuple(f"{place}: {f}" for f in faults))


def _box(row: dict[str, str], faults: list[str]) -> Box:
    sized = set(CORNER_AND_SIZE) <= set(row)
    numbers = _numbers(row, CORNER_AND_SIZE[1:5] if sized else CORNERS[1:], faults)
    if numbers is None:
        return NO_BOX
    x0, y0, x1, y1 = numbers
    edges = [x0, y0, x0 + x1, y0 + y1] if sized else numbers
    x0, y0, x1, y1 = torch.tensor(edges, dtype=torch.float32).tolist()
    return x0, y0, x1, y1


def _frame(row: dict[str, str], faults: list[str]) -> tuple[int, int] | None:
    if not set(FRAME) <= set(row):
        return None
    numbers = _numbers(row, FRAME, faults)
    if numbers is None:
        return None
    width, height = numbers
    if min(numbers) < 1 or not all(map(float.is_integer, numbers)):
        faults.append(f"the frame is {width:g} x {height:g}; expected whole numbers of pixels")
    return int(height), int(width)


def _numbers(row: dict[str, str], columns: Sequence[str], faults: list[str]) -> list[float] | None:
    numbers = [_number(row[column]) for column in columns]
    bad = [column for column, number in zip(columns, numbers, strict=True) if number is None]
    faults += [f"{column} is '{row[column][:40]}'; expected a number of pixels" for column in bad]
    return [number for number in numbers if number is not None] if not bad else None


def _number(cell: str) -> float | None:
    try:
        number = float(cell)
    except ValueError:
        return None
    return number if abs(number) <= MAX_COORDINATE else None  # NaN is not, either


def _misplaced(box: Box, frame: tuple[int, int] | None) -> Iterator[str]:
    x0, y0, x1, y1 = box
    told = f"the box (left {x0:g}, top {y0:g}, right {x1:g}, bottom {y1:g})"
    if x1 <= x0 or y1 <= y0:
        yield f"{told} has no area"
    if frame is None:
        return
    height, width = frame
    if max(-x0, -y0, x1 - width, y1 - height) > TOLERANCE:
        yield f"{told} leaves its frame, {width} pixels wide and {height} high"
