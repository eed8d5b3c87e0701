"""Which column of a table says what, known by its name in any of the usual spellings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal, NoReturn

from hdf.errors import user_error
from hdf_plugins.loaders.annotations import number_of

NAMES = {
    "name": (
        *("name", "filename", "file_name", "file", "image", "image_name", "image_id", "imageid"),
        *("image_path", "filepath", "path", "patientid"),
    ),
    "label": ("label", "class", "class_name", "category", "label_name", "structure"),
    "patient": ("patient", "patient_id", "patientid"),
    "x_min": ("x_min", "xmin", "left", "x0", "xtl", "min_x", "bbox_x", "x1", "x"),
    "y_min": ("y_min", "ymin", "top", "y0", "ytl", "min_y", "bbox_y", "y1", "y"),
    "x_max": ("x_max", "xmax", "right", "x2", "xbr", "max_x", "x1"),
    "y_max": ("y_max", "ymax", "bottom", "y2", "ybr", "max_y", "y1"),
    "x_center": ("x_center", "xcenter", "center_x", "x_centre", "centre_x", "cx", "xc"),
    "y_center": ("y_center", "ycenter", "center_y", "y_centre", "centre_y", "cy", "yc"),
    "width": ("width", "w", "box_width", "bbox_width", "bbox_w"),
    "height": ("height", "h", "box_height", "bbox_height", "bbox_h"),
    "frame_width": ("img_shape_x", "image_width", "img_width", "frame_width"),
    "frame_height": ("img_shape_y", "image_height", "img_height", "frame_height"),
    "target": ("target",),
}
"""What a column may say, and how tables call it, in lower case; the first that is there counts."""

Layout = Literal["corners", "size", "center"]
LAYOUTS: dict[Layout, tuple[str, str, str, str]] = {
    "corners": ("x_min", "y_min", "x_max", "y_max"),
    "size": ("x_min", "y_min", "width", "height"),
    "center": ("x_center", "y_center", "width", "height"),
}
"""Four columns that make a box; of several layouts the first counts."""


@dataclass(frozen=True, slots=True)
class TableColumns:
    """The columns of one table.

    Attributes:
        header: all of them in their order, in lower case.
        roles: by what a column says, a key of `NAMES`, its name in `header`.
        layout: which four columns make a box, a key of `LAYOUTS`.
        challenge: whether it is the RSNA Pneumonia challenge's own table, in which an image may
            have several boxes of one label, or none at all.
    """

    header: tuple[str, ...]
    roles: Mapping[str, str]
    layout: Layout
    challenge: bool

    @property
    def box(self) -> tuple[str, ...]:
        """The four columns of a box."""
        return tuple(self.roles[role] for role in LAYOUTS[self.layout])

    @property
    def frame(self) -> tuple[str, ...]:
        """The columns of the frame's width and height; none where the table doesn't say."""
        roles = ("frame_width", "frame_height")
        return tuple(self.roles[role] for role in roles if role in self.roles)

    @property
    def label(self) -> str:
        """What the boxes are, where no column says so; empty where that must be asked for."""
        return "opacity" if self.challenge else "heart" if self.layout == "corners" else ""


def find_columns(first: Sequence[str], given: Mapping[str, str | int], where: str) -> TableColumns:
    """Tell the columns by the first line of a table.

    Args:
        first: its cells.
        given: names or positions from 1 on, by keys of `NAMES`; they count before all others.
        where: the line, for messages.

    Raises:
        UserError: the line names a column twice, has no names and `given` no positions, or a
            column is missing.
    """
    _check(given, where)
    header = tuple(map(_plain, first)) if has_names(first) else _numbered(first, given, where)
    twice = sorted({name for name in header if name and header.count(name) > 1})
    if twice:
        raise user_error(f"the header names twice: {', '.join(twice)}", where)
    roles = _given(header, given, where)
    for role, names in NAMES.items():
        free = [name for name in names if name in header and name not in roles.values()]
        if role not in roles and free:
            roles[role] = free[0]
    layout = next((name for name, four in LAYOUTS.items() if set(four) <= roles.keys()), None)
    if layout is None or "name" not in roles:
        _refuse_missing(header, roles, where)
    return _columns(header, roles, layout, where)


def has_names(cells: Sequence[str]) -> bool:
    """Whether a line holds names and not a box; four of a row's cells at least are numbers."""
    return sum(number_of(cell) is not None for cell in cells) < 4


def _plain(name: str) -> str:
    return re.sub(r"[\s-]+", "_", name.strip().lower())


def _columns(
    header: tuple[str, ...], roles: dict[str, str], layout: Layout, where: str
) -> TableColumns:
    if layout == "corners":  # beside corners, a width and a height are the image's
        for role, side in (("frame_width", "width"), ("frame_height", "height")):
            if side in roles:
                roles.setdefault(role, roles[side])
    if len({"frame_width", "frame_height"} & roles.keys()) == 1:
        raise user_error(
            "a frame needs both its width and its height (img_shape_x and img_shape_y); name both "
            "columns or leave both out",
            where,
        )
    challenge = layout == "size" and roles["name"] == "patientid" and "target" in roles
    return TableColumns(header, roles, layout, challenge)


def _check(given: Mapping[str, str | int], where: str) -> None:
    unknown = sorted(given.keys() - NAMES.keys())
    if unknown:
        message = f"the loader's option `columns` names {unknown[0]!r}; it may name "
        raise user_error(message + ", ".join(NAMES), where)


def _numbered(first: Sequence[str], given: Mapping[str, str | int], where: str) -> tuple[str, ...]:
    if any(isinstance(column, int) for column in given.values()):
        return tuple(str(position) for position in range(1, len(first) + 1))
    text = next((at for at, cell in enumerate(first, 1) if number_of(cell) is None), 1)
    numbers = [at for at, cell in enumerate(first, 1) if number_of(cell) is not None][:4]
    example = ", ".join(
        f"{role}: {at}"
        for role, at in zip(("name", *LAYOUTS["corners"]), (text, *numbers), strict=True)
    )
    raise user_error(
        "the first line holds numbers, not names of columns; write a line of names above it, or "
        f"say what stands where with the loader's option, as in `columns: {{{example}}}`",
        where,
    )


def _given(header: tuple[str, ...], given: Mapping[str, str | int], where: str) -> dict[str, str]:
    found = {}
    for role, column in given.items():
        name = _plain(column) if isinstance(column, str) else _at(header, column)
        if name not in header:
            raise user_error(
                f"the loader's option `columns` says {role}: {column}, and there is no such column "
                f"among {', '.join(header)[:200]}",
                where,
            )
        found[role] = name
    return found


def _at(header: tuple[str, ...], position: int) -> str:
    return header[position - 1] if 1 <= position <= len(header) else ""


def _refuse_missing(header: tuple[str, ...], roles: Mapping[str, str], where: str) -> NoReturn:
    role, what = "name", "the image's name"
    if "name" in roles:
        nearest = max(LAYOUTS.values(), key=lambda four: len(set(four) & roles.keys()))
        role, what = next(role for role in nearest if role not in roles), "the box"
    left = [name for name in header if name and name not in roles.values()]
    close = [name for known in NAMES[role] for name in get_close_matches(known, left, n=1)]
    example = (close or left or ["COLUMN"])[0]
    raise user_error(
        f"the columns are {','.join(header)[:200]}; none is known as {role}, for {what} "
        f"({', '.join(NAMES[role])}). Name it with the loader's option, as in "
        f"`columns: {{{role}: {example}}}`",
        where,
    )
