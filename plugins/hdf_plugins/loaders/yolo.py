"""A folder of radiographs with boxes in YOLO's text files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from hdf import UserError
from hdf.errors import user_error
from hdf.files import read_text
from hdf_plugins.loaders.annotated import (
    Annotated,
    AnnotationLoader,
    Box,
    from_center,
    from_corners,
    number_of,
)
from hdf_plugins.loaders.folders import Folder

UNIT = (1, 1)
MAX_BYTES = 1_000_000


class Yolo(AnnotationLoader):
    """Images, and one text file an image, with a line ``class x y width height`` a box.

    The numbers are fractions of the image's sides, x and y of the box's centre. A line of a
    polygon (``class x1 y1 x2 y2 ...``) counts as the box that bounds it.

    Args:
        images: folder of image files, such as ``images/train``.
        annotations: folder of the text files; left out, what ``images`` is called with its last
            ``images`` replaced by ``labels``, as YOLO's own tools look for it. An image without a
            file is an image without a box; one in a sub-folder belongs to the data set if it has
            a file.
        data: YOLO's ``data.yaml``, which names the classes; nothing else of it is read.
        names: the labels in the order of the classes, in place of ``data``.
    """

    def __init__(
        self,
        *,
        images: Path,
        annotations: Path | None = None,
        data: Path | None = None,
        names: tuple[str, ...] = (),
    ) -> None:
        if (data is None) != bool(names):
            raise ValueError("yolo: set either data, the path of data.yaml, or names")
        super().__init__(images=images, annotations=annotations or _beside(Path(images)))
        self.data = None if data is None else Path(data)
        self.names = names

    def read(self, folder: Folder) -> list[Annotated]:
        names = self.names if self.data is None else _names(self.data)
        if not self.annotations.is_dir():
            raise user_error("there is no such folder of labels", where=str(self.annotations))
        texts = sorted(self.annotations.rglob("*.txt"))
        texts = [path for path in texts if path.stem != "classes"]  # which tools put beside them
        entries = [_read_text(path, path.relative_to(self.annotations), names) for path in texts]
        known = {folder.id_of(path) for entry in entries for path in folder.find(entry.name)}
        others = [paths for id, paths in folder.images().items() if id not in known]
        return entries + [Annotated(path.name, path.name) for paths in others for path in paths]


def _beside(images: Path) -> Path:
    parts = list(images.parts)
    if "images" not in parts:
        return images
    parts[len(parts) - 1 - parts[::-1].index("images")] = "labels"
    return Path(*parts)


def _names(path: Path) -> tuple[str, ...]:
    """The names of a ``data.yaml``: a list, or a mapping from 0 on."""
    try:
        content = yaml.safe_load(read_text(path, MAX_BYTES))
    except (yaml.YAMLError, RecursionError) as error:
        raise user_error("is no YAML", where=str(path)) from error
    found: Any = content.get("names") if isinstance(content, dict) else None
    if isinstance(found, dict) and sorted(found) == list(range(len(found))):
        found = [found[number] for number in range(len(found))]
    if not (isinstance(found, list) and found and all(isinstance(name, str) for name in found)):
        raise user_error("expected `names`, a list of the classes' names", where=str(path))
    return tuple(found)


def _read_text(path: Path, below: Path, names: tuple[str, ...]) -> Annotated:
    image = Annotated(below.as_posix(), below.as_posix().removesuffix(".txt"), UNIT)
    try:
        lines = read_text(path, MAX_BYTES).splitlines()
    except UserError as error:
        image.faults += map(str, error.problems)
        return image
    for number, line in enumerate(lines, 1):
        if not (cells := line.split()):
            continue
        where = f"{image.where}:{number}"
        faults = [f"{where}: {fault}" for fault in _faults(cells, names)]
        image.faults += faults
        if not faults:
            image.add(where, _box(cells[1:]), names[int(cells[0])])
    return image


def _faults(cells: list[str], names: tuple[str, ...]) -> Iterator[str]:
    numbers = [number_of(cell) for cell in cells[1:]]
    if None in numbers or len(numbers) < 4 or len(numbers) % 2:
        yield f"{' '.join(cells)[:60]!r}; expected class x y width height"
    elif any(number is not None and abs(number) > 2 for number in numbers):
        yield "the numbers are pixels; YOLO's are fractions of the image's sides, from 0 to 1"
    if cells[0] not in map(str, range(len(names))):
        yield f"the class {cells[0][:20]!r} is none of 0 to {len(names) - 1} ({', '.join(names)})"


def _box(cells: list[str]) -> Box:
    numbers = [float(cell) for cell in cells]
    if len(numbers) == 4:
        return from_center(*numbers)
    xs, ys = numbers[::2], numbers[1::2]
    return from_corners(min(xs), min(ys), max(xs), max(ys))
