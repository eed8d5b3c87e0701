"""Images and masks found in folders by the stem of their file name, and the samples they make."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Sequence
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, TypeVar

import torch
from torch import Tensor

from hdf import Sample, images
from hdf.errors import Problem, UserError, user_error
from hdf.files import group_of, is_file
from hdf.images import SUFFIXES, image_facts, image_size, read_image, read_mask

Files = dict[str, list[Path]]  # by stem
T = TypeVar("T")


def tried(read: Callable[[], T], problems: list[Problem]) -> T | None:
    """What `read` returns; None if it fails, with its problems added to `problems`."""
    try:
        return read()
    except UserError as error:
        problems += error.problems
        return None


def image_sample(id: str, path: Path, patient: str = "", **known: Any) -> Sample:
    """A sample of one image file, broken if the header of a DICOM can't be read.

    Args:
        patient: as a table states it, used before the DICOM's own; the group is its salted hash.
        known: further fields of `Sample`.
    """
    try:
        group = group_of(patient) or image_facts(path).patient
    except UserError as error:
        return Sample.broken(id, *map(str, error.problems))
    return Sample(id, read=partial(read_image, path), files=(path,), group=group, **known)


def require_folder(folder: Path) -> None:
    """Raise a UserError if there is no such folder."""
    if not folder.is_dir():
        raise user_error("there is no such folder", where=str(folder))


def is_image(path: Path) -> bool:
    """Whether hdf reads files of this suffix; hidden ones belong to other systems."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".")


def files_by_stem(folder: Path, named: Iterable[str] = ()) -> Files:
    """The folder's image files; sub-folders are not searched.

    Args:
        named: names from a table; one that no file has may be the path of an image below the
            folder, or that of a DICOM without a suffix.

    Raises:
        UserError: there is no such folder, or no image in it.
    """
    require_folder(folder)
    found: Files = defaultdict(list)
    for path in sorted(folder.iterdir()):
        if is_image(path) and path.is_file():
            found[path.stem].append(path)
    below: Files = defaultdict(list)
    for name in dict.fromkeys(named):
        stem = stem_of(name, found)
        if stem not in found and (image := _image_below(folder, name)):
            below[stem].append(image)
    found |= below
    if not found:
        raise user_error(f"the folder holds no {', '.join(SUFFIXES)} file", where=str(folder))
    return dict(found)


def stem_of(name: str, known: Container[str]) -> str:
    """The stem of an image that a table names with or without its suffix."""
    # Only a known suffix is cut: a DICOM's name, such as 1.2.840.113, is full of dots.
    if name not in known and Path(name).suffix.lower() in SUFFIXES:
        return name.rpartition(".")[0]
    return name


def _image_below(folder: Path, name: str) -> Path | None:
    """The image at a path below the folder; None if it is hidden or outside of the folder."""
    inside, path = PurePosixPath(name), folder / name
    hidden = any(part.startswith(".") for part in inside.parts)
    if hidden or inside.is_absolute() or name != str(inside):
        return None
    return path if is_file(path) and images.is_image(path) else None


def mask_files(folder: Path, labels: Iterable[str]) -> dict[str, Files]:
    """The masks of each label, from the sub-folder of its name.

    Raises:
        UserError: the folder or a sub-folder is missing or empty.
    """
    if not folder.is_dir():
        raise user_error("there is no such folder of masks", where=str(folder))
    inside = {path.name: path for path in folder.iterdir()}
    missing = [label for label in sorted(labels) if label not in inside]
    if missing:
        message = "no sub-folder for the masks of the table's label {!r}"
        raise UserError(Problem(str(folder), message.format(label[:80])) for label in missing)
    return {label: files_by_stem(inside[label]) for label in labels}


def read_masks(image: Path, masks: Sequence[Path]) -> Tensor:
    """Masks of one image, bool [N, H, W].

    Raises:
        UserError: a file can't be read, or a mask has another size than the image.
    """
    size = image_size(image)
    layers = [read_mask(path) for path in masks]
    for path, layer in zip(masks, layers, strict=True):
        if layer.shape != size:
            sizes = " pixels; its image has ".join(f"{h} x {w}" for h, w in (layer.shape, size))
            raise user_error(f"the mask has {sizes}", where=str(path))
    return torch.stack(layers)
