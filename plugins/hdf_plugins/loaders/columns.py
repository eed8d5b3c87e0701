"""Which column of a table says what, known by its name in any of the usual spellings."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import NamedTuple

from hdf.errors import user_error
from hdf_plugins.loaders.annotated import Box, from_center, from_corners, from_size, number_of

Make = Callable[[float, float, float, float], Box]

NAMES = {
    "name": (
        *("name", "filename", "file", "image", "image_name", "image_id", "image_index"),
        *("image_path", "image_file", "filepath", "path", "patientid", "dicom_id"),
        "sop_instance_uid",
    ),
    "label": (
        *("label", "class", "class_name", "category", "category_name", "label_name", "structure"),
        *("finding_label", "finding", "bbox_name"),
    ),
    "patient": ("patient", "patient_id"),
    "x_min": ("x_min", "left", "x0", "xtl", "min_x", "bbox_x", "x1", "x", "bbox_x_min"),
    "y_min": ("y_min", "top", "y0", "ytl", "min_y", "bbox_y", "y1", "y", "bbox_y_min"),
    "x_max": ("x_max", "right", "x2", "xbr", "max_x", "x1", "bbox_x_max"),
    "y_max": ("y_max", "bottom", "y2", "ybr", "max_y", "y1", "bbox_y_max"),
    "x_center": ("x_center", "center_x", "x_centre", "centre_x", "cx", "xc"),
    "y_center": ("y_center", "center_y", "y_centre", "centre_y", "cy", "yc"),
    "width": ("width", "w", "box_width", "bbox_width", "bbox_w"),
    "height": ("height", "h", "box_height", "bbox_height", "bbox_h"),
    "frame_width": ("img_shape_x", "image_width", "img_width", "img_w", "frame_width"),
    "frame_height": ("img_shape_y", "image_height", "img_height", "img_h", "frame_height"),
    "target": ("target",),
}
"""What a column may say, and how tables call it; case, blanks, signs and ``_`` don't count. The
first that is there is used."""

LAYOUTS: dict[Make, tuple[str, str, str, str]] = {
    from_corners: ("x_min", "y_min", "x_max", "y_max"),
    from_size: ("x_min", "y_min", "width", "height"),
    from_center: ("x_center", "y_center", "width", "height"),
}
"""Four columns that make a box, and how; of several layouts the first counts."""

OTHER_TABLES = {
    "regionshapeattributes": (
        "is VIA's, which writes boxes as JSON in a cell; export the annotations as COCO JSON, for "
        "the loader `coco`"
    ),
    "leadtime": (
        "is Label Studio's, which writes boxes as JSON in a cell; export as JSON, for the loader "
        "`label_studio`"
    ),
    "encodedpixels": (
        "holds masks as run lengths, and no boxes; write them as images, for the loader "
        "`mask_boxes`"
    ),
}
"""Tables that hold their boxes otherwise, by a column that they alone have."""
ONE_CELL = {"bbox", "box", "boxes", "boundingbox", "bboxes", "bboxxywh", "bboxxyxy", "rect"}


class TableColumns(NamedTuple):
    """The columns of one table.

    Attributes:
        header: all of them in their order, in lower case.
        roles: by what a column says, a key of `NAMES`, its name in `header`.
        box: the four columns of a box.
        make: what makes a box of their numbers.
        frame: the columns of the frame's width and height; empty where the table doesn't say.
        challenge: whether it is the RSNA Pneumonia challenge's own table, in which an image may
            have several boxes of one label, or none at all.
    """

    header: tuple[str, ...]
    roles: Mapping[str, str]
    box: tuple[str, ...]
    make: Make
    frame: tuple[str, ...]
    challenge: bool


def find_columns(first: Sequence[str], given: Mapping[str, str | int], where: str) -> TableColumns:
    """Tell the columns by the first line of a table.

    Args:
        given: names or positions from 1 on, by keys of `NAMES`; they count before all others.

    Raises:
        UserError: the line names a column twice, has no names and `given` no positions, or a
            column is missing.
    """
    if unknown := sorted(given.keys() - NAMES.keys()):
        message = f"the loader's option `columns` names {unknown[0]!r}; it may name "
        raise user_error(message + ", ".join(NAMES), where)
    header = _header(first, given, where)
    roles = _roles(header, given, where)
    make = next((make for make, four in LAYOUTS.items() if set(four) <= roles.keys()), None)
    if make is None or "name" not in roles:
        raise user_error(_what_is_missing(header, roles), where)
    if make is from_corners:  # beside corners, a width and a height are the image's
        sides = {f"frame_{side}": roles.get(side, "") for side in ("width", "height")}
        roles = {role: name for role, name in sides.items() if name} | roles
    frame = tuple(roles[role] for role in ("frame_width", "frame_height") if role in roles)
    if len(frame) == 1:
        raise user_error(
            "a frame needs both its width and its height (img_shape_x and img_shape_y); name both "
            "columns or leave both out",
            where,
        )
    challenge = make is from_size and roles["name"] == "patientid" and "target" in roles
    box = tuple(roles[role] for role in LAYOUTS[make])
    return TableColumns(header, roles, box, make, frame, challenge)


def has_names(cells: Sequence[str]) -> bool:
    """Whether a line holds names and not a box; four of a row's cells at least are numbers."""
    return sum(number_of(cell) is not None for cell in cells) < 4


def _key(name: str | int) -> str:
    return re.sub(r"[\W_]+", "", str(name).lower())


def _header(first: Sequence[str], given: Mapping[str, str | int], where: str) -> tuple[str, ...]:
    """The names of the columns; their positions where the first line is a row already."""
    if has_names(first):
        named = Counter(map(_key, first))
        if twice := [cell.lower() for cell in first if _key(cell) and named[_key(cell)] > 1]:
            raise user_error(f"the header names twice: {', '.join(dict.fromkeys(twice))}", where)
        return tuple(re.sub(r"\s+", "_", cell.strip().lower()) for cell in first)
    if any(isinstance(column, int) for column in given.values()):
        return tuple(str(position) for position in range(1, len(first) + 1))
    texts = [at for at, cell in enumerate(first, 1) if number_of(cell) is None]
    name, *labels = texts or [1]
    numbers = [at for at in range(1, len(first) + 1) if at not in (name, *labels)]
    places = dict(zip(("name", *LAYOUTS[from_corners]), (name, *numbers), strict=False))
    places |= {"label": labels[0]} if labels else {}
    example = ", ".join(f"{role}: {at}" for role, at in places.items())
    raise user_error(
        "the first line holds numbers, not names of columns; write a line of names above it, or "
        f"say what stands where with the loader's option, as in `columns: {{{example}}}`",
        where,
    )


def _roles(header: tuple[str, ...], given: Mapping[str, str | int], where: str) -> dict[str, str]:
    by_key = {_key(name): name for name in reversed(header) if name}
    roles: dict[str, str] = {}
    for role, column in given.items():
        found = by_key.get(_key(column))
        if isinstance(column, int):
            found = header[column - 1] if 1 <= column <= len(header) else None
        if not found:
            raise user_error(
                f"the loader's option `columns` says {role}: {column}, and there is no such column "
                f"among {', '.join(header)[:200]}",
                where,
            )
        roles[role] = found
    for role, names in NAMES.items():
        there = (by_key[_key(name)] for name in names if _key(name) in by_key)
        free = next((name for name in there if name not in roles.values()), None)
        if role not in roles and free:
            roles[role] = free
    return roles


def _what_is_missing(header: tuple[str, ...], roles: Mapping[str, str]) -> str:
    """Why a table without an image's name or a box can't be read, and what to do."""
    by_key = {_key(name): name for name in header}
    for key in by_key.keys() & OTHER_TABLES.keys():
        return f"the table {OTHER_TABLES[key]}"
    if len(header) == 1 and len(header[0].split("_")) > 4:
        return "the cells are separated by blanks; separate them with commas or tabs"
    for key in by_key.keys() & ONE_CELL:
        return (
            f"the column {by_key[key]} holds a whole box in one cell; give each of its numbers a "
            "column of its own, such as x_min, y_min, x_max and y_max"
        )
    role, what = "name", "the image's name"
    if "name" in roles:
        nearest = max(LAYOUTS.values(), key=lambda four: len(set(four) & roles.keys()))
        role, what = next(role for role in nearest if role not in roles), "the box"
    left = [name for name in header if name and name not in roles.values()]
    close = [name for known in NAMES[role] for name in get_close_matches(known, left, n=1)]
    return (
        f"the columns are {','.join(header)[:200]}; none is known as {role}, for {what} "
        f"({', '.join(NAMES[role])}). Name it with the loader's option, as in "
        f"`columns: {{{role}: {(close or left or ['COLUMN'])[0]}}}`"
    )
