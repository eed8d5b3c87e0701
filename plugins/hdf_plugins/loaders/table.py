"""Tables of boxes in CSV: one row a box, faults kept with their row.

The header tells the forms of table apart. The challenge's is that of ``stage_2_train_labels.csv``
of the RSNA Pneumonia Detection Challenge (Shih et al., Radiology: Artificial Intelligence 2019).
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hdf.errors import user_error
from hdf.files import decimal
from hdf.types import Fault
from hdf_plugins.loaders.annotations import (
    Box,
    from_corner_and_size,
    from_corners,
    is_coordinate,
    misplaced,
)

MAX_BYTES = 100_000_000
NO_BOX = (0.0, 0.0, 0.0, 0.0)
FRAME = ("img_shape_x", "img_shape_y")
PATIENT = ("patient", "patient_id", "patientid")


@dataclass(frozen=True, slots=True)
class Form:
    """Which column says what; all names in lower case.

    Attributes:
        box: left, top, and width and height or right and bottom.
        shown: the form as messages show it.
        sized: whether `box` ends with width and height.
        name: the image's name.
        label: of all boxes in a table without a column ``label``; empty if the form requires one.
        target: 1 if the row has a box, 0 if its image has none; empty if all rows have one.
        patient: whose image it is; empty if no column states it.
        several: whether an image may have several boxes of one label.
    """

    box: tuple[str, str, str, str]
    shown: str
    sized: bool = True
    name: str = "name"
    label: str = ""
    target: str = ""
    patient: str = ""
    several: bool = False

    @property
    def required(self) -> set[str]:
        """The columns that tell this form from the others."""
        others = {"" if self.label else "label", self.target} - {""}
        return {*self.box, self.name} | others


FORMS = (
    Form(("x0", "y0", "w", "h"), "label,x0,y0,w,h,name"),
    Form(
        ("x_min", "y_min", "x_max", "y_max"),
        "name,x_min,y_min,x_max,y_max[,label]",
        sized=False,
        label="heart",
    ),
    Form(
        ("x", "y", "width", "height"),
        "patientId,x,y,width,height,Target[,label]",
        name="patientid",
        label="opacity",
        target="target",
        several=True,
    ),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table.

    Attributes:
        where: file and line, such as ``hearts.csv:17``.
        name: the image's name as written; empty if the row has none.
        label: the structure in the box.
        box: (x0, y0, x1, y1) on pixel edges of `frame`, rounded to float32; zeros if it can't be
            read, None if the row states that its image has no box.
        frame: (height, width) in which the box was drawn; None if the table doesn't state it.
        patient: whose image it is, as written; empty if the table doesn't state it.
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
    form: Form

    @property
    def labels(self) -> set[str]:
        """The labels of all sound boxes."""
        return {row.label for row in self.rows if row.box and not row.faults}


def read_table(path: Path, label: str | None = None) -> Table:
    """Read a table of one of `FORMS`; columns in any order, others ignored.

    Args:
        path: CSV in UTF-8.
        label: of all boxes, in a table without a column of labels; the form's own if None.

    Raises:
        UserError: the file is missing, too large, empty, no UTF-8 text or no CSV, columns are
            missing, or the table has both a column of labels and `label`.
    """
    if not path.is_file():
        raise user_error("there is no such table", where=str(path))
    if path.stat().st_size > MAX_BYTES:
        message = f"is larger than a table of boxes may be ({MAX_BYTES // 10**6} MB)"
        raise user_error(message, where=str(path))
    try:
        table = _parse(path, label)
    except UnicodeDecodeError as error:
        message = f"is not UTF-8 text ({error.reason}); save the table as 'CSV UTF-8'"
        raise user_error(message, where=str(path)) from error
    except OSError as error:
        raise user_error(f"can't be opened: {error.strerror}", where=str(path)) from error
    if not table.rows:
        raise user_error("the table has no rows", where=str(path))
    return table


def _parse(path: Path, label: str | None) -> Table:
    with path.open(encoding="utf-8-sig", newline="") as file:
        lines = _numbered(path, csv.reader(file, strict=True))
        line, header = next(lines, (1, []))
        columns = [cell.strip().lower() for cell in header]
        form = _form_of(columns, f"{path}:{line}")
        if label is not None and "label" in columns:
            message = "the table has a column of labels; remove the loader's option `label`"
            raise user_error(message, f"{path}:{line}")
        common = label or form.label
        rows = [_row(f"{path.name}:{line}", columns, cells, form, common) for line, cells in lines]
    return Table(rows, form)


def _form_of(columns: Sequence[str], where: str) -> Form:
    """The form of a table with these columns, in lower case.

    Raises:
        UserError: the header is empty, names a column twice, or fits no form.
    """
    if not columns:
        raise user_error("the table is empty", where)
    twice = sorted({name for name in columns if name and columns.count(name) > 1})
    if twice:
        raise user_error(f"the header names twice: {', '.join(twice)}", where)
    fitting = [form for form in FORMS if form.required <= set(columns)]
    if fitting and len(set(FRAME) & set(columns)) != 1:
        form = fitting[0]
        patients = [name for name in PATIENT if name in columns and name != form.name]
        return replace(form, patient=patients[0]) if patients else form
    expected = " or ".join(form.shown for form in FORMS)
    raise user_error(
        f"the columns are {','.join(columns)[:200]}; expected {expected}, "
        f"each also with {','.join(FRAME)} (both or neither) and patient",
        where,
    )


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


def _row(where: str, columns: list[str], cells: list[str], form: Form, label: str) -> Row:
    if len(cells) != len(columns):
        at = columns.index(form.name)
        name = cells[at] if at < len(cells) else ""
        fault = f"{where}: {len(cells)} cells, but the header has {len(columns)}"
        return Row(where, name, "", NO_BOX, None, "", (fault,))
    row = dict(zip(columns, cells, strict=True))
    faults: list[str] = []
    frame = _frame(row, faults)
    box = _box(row, form, faults)
    if box is not None and not faults:
        faults += misplaced(box, frame)
    patient = row[form.patient] if form.patient else ""
    label = row.get("label", label)
    texts = {"name": row[form.name], "label": label or box is None, "patient": patient}
    needed = ("name", "label", *(["patient"] if form.patient else []))
    faults += [f"the {key} is empty" for key in needed if not texts[key]]
    located = tuple(Fault.at(where, fault) for fault in faults)
    return Row(where, row[form.name], label, box, frame, patient, located)


def _box(row: dict[str, str], form: Form, faults: list[str]) -> Box | None:
    if form.target and row[form.target] != "1":
        written = [column for column in form.box if row[column]]
        if row[form.target] != "0":
            faults.append(f"Target is '{row[form.target][:40]}'; expected 0 or 1")
        elif written:
            faults.append(f"Target is 0, no box, but there is a value for {written[0]}")
        return None
    numbers = _numbers(row, form.box, faults)
    if numbers is None:
        return NO_BOX
    return (from_corner_and_size if form.sized else from_corners)(*numbers)


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
        number = decimal(cell)
    except ValueError:
        return None
    return number if is_coordinate(number) else None
