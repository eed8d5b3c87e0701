"""The image files of a folder, found by whatever a table calls them, and the samples they make."""

from __future__ import annotations

import os
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import cache, cached_property, partial
from itertools import takewhile
from pathlib import Path, PureWindowsPath
from typing import TypeVar

import torch
from torch import Tensor

from hdf import Sample, Target
from hdf.errors import Problem, UserError, suggest, user_error
from hdf.files import group_of, is_file, utf8_name
from hdf.images import (
    SUFFIXES,
    image_facts,
    image_size,
    is_image,
    passed_over,
    read_image,
    read_mask,
    stem_of,
)

T = TypeVar("T")


def tried(read: Callable[[], T], problems: list[Problem]) -> T | None:
    """What `read` returns; None if it fails, with its problems added to `problems`."""
    try:
        return read()
    except UserError as error:
        problems += error.problems
        return None


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


class Folder:
    """A folder of images; nothing is read before it is asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.name = utf8_name(path.absolute().name)
        self._is_image = cache(is_image)  # a DICOM without a suffix is opened to know

    def refuse_empty(self, recursive: bool = True, hint: str = "") -> None:
        """Raise a UserError, with a hint, where there is no such folder, or no image in it."""
        if not self.path.is_dir():
            raise user_error("there is no such folder", where=str(self.path))
        if not any(map(self._is_image, self._files(recursive))):
            kinds = f"no {', '.join(SUFFIXES)} file and no DICOM under another name"
            message = f"the folder holds {kinds}; it holds {self._contents()}{hint}"
            raise user_error(message, where=str(self.path))

    def images(self, recursive: bool = False) -> dict[str, list[Path]]:
        """The images by their ids; two files share one if they differ in their suffix alone."""
        found: dict[str, list[Path]] = defaultdict(list)
        for path in filter(self._is_image, self._files(recursive)):
            found[self.id_of(path)].append(path)
        return dict(found)

    def tell_passed_over(self, recursive: bool = False) -> None:
        """Say on stderr which files of a folder that is the data set are not part of it."""
        if text := passed_over(file for file in self._files(recursive) if not self._is_image(file)):
            print(f"{utf8_name(self.path)}: {text}", file=sys.stderr)

    def sample(
        self,
        id: str,
        path: Path,
        where: str,
        target: Target | None = None,
        *,
        patient: str = "",
        masks: Sequence[Path] = (),
        read: Callable[[Path, Sequence[Path]], Tensor] = read_masks,
    ) -> Sample:
        """A sample of one image file, broken if the header of a DICOM can't be read.

        Args:
            patient: as a table states it, used before the DICOM's own; the group is its salted
                hash.
            masks: of the target's boxes.
            read: gives these masks of the image.
        """
        try:
            group = group_of(patient) or image_facts(path).patient
        except UserError as error:
            return Sample.broken(id, *map(str, error.problems))
        return Sample(
            id,
            partial(read_image, path),
            target,
            group,
            self.name,
            where,
            partial(read, path, masks) if masks else None,
            files=(path,),
            mask_files=tuple(masks),
        )

    def id_of(self, path: Path) -> str:
        """The id of an image: its path below the folder, without the suffix."""
        return utf8_name(stem_of(path.relative_to(self.path).as_posix()))

    def find(self, name: str) -> list[Path]:
        """The images that a name may mean: none, one, or several that fit equally well.

        The name is a path below the folder or, failing that, the last part of a path anywhere, in
        any case of letters, with or without its suffix. Nothing hidden is found, and nothing
        outside of the folder.
        """
        wanted = PureWindowsPath(name)  # knows both slashes, and the drives of Windows
        if any(part.startswith(".") for part in wanted.parts if part != ".."):
            return []
        path = self.path / name
        inside = not (wanted.anchor or ".." in wanted.parts)
        if inside and is_file(path) and self._is_image(path):
            return [path]
        as_written = name.rpartition("/")[2]  # a backslash may stand for a byte: `utf8_name`
        for key in dict.fromkeys((wanted.name, stem_of(wanted.name), as_written)):
            fitting = filter(self._is_image, self._by_name.get(key.lower(), ()))
            if found := self._nearest(fitting, wanted.parts[:-1], key):
                return found
        return []

    def _nearest(self, paths: Iterable[Path], folders: tuple[str, ...], key: str) -> list[Path]:
        """Those where the name says, else in the folder, else anywhere; of these by case."""
        ranks: dict[tuple[int, bool, bool], list[Path]] = defaultdict(list)
        for path in paths:
            above = path.relative_to(self.path).parts[:-1]
            pairs = zip(reversed(above), reversed(folders), strict=False)
            common = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
            if common or not above or not folders:
                exact = key in (path.name, stem_of(path.name))
                ranks[-common, bool(above), not exact].append(path)
        return ranks[min(ranks)] if ranks else []

    def _files(self, recursive: bool) -> list[Path]:
        return self._everything if recursive else self._inside

    @cached_property
    def _inside(self) -> list[Path]:
        """The files of the folder itself, without the hidden ones."""
        inside = sorted(self.path.iterdir()) if self.path.is_dir() else []
        return [path for path in inside if not path.name.startswith(".") and path.is_file()]

    @cached_property
    def _everything(self) -> list[Path]:
        """All files of the folder and its sub-folders, without the hidden ones: thumbnails."""
        found: list[Path] = []
        for folder, inside, names in os.walk(self.path):
            inside[:] = [name for name in inside if not name.startswith(".")]
            found += (Path(folder, name) for name in names if not name.startswith("."))
        return sorted(found)

    @cached_property
    def _by_name(self) -> dict[str, list[Path]]:
        """The files by their names in lower case, with the suffix and without."""
        found: dict[str, list[Path]] = defaultdict(list)
        for path in self._everything:
            name = utf8_name(path.name).lower()
            for key in {name, stem_of(name)}:
                found[key].append(path)
        return dict(found)

    def _contents(self) -> str:
        kinds = Counter(path.suffix.lower() or path.name for path in self._files(False))
        told = [f"{count} {kind}" for kind, count in kinds.most_common(5)]
        folders = sorted(path.name for path in self.path.iterdir() if path.is_dir())
        told += [f"the folder {name}" for name in folders[:5]]
        return utf8_name(", ".join(told)) or "nothing"


def opened(images: Path, read: Callable[[Folder], T]) -> tuple[Folder, T]:
    """The folder of images, and what `read` finds for it; a UserError has the problems of both."""
    problems: list[Problem] = []
    folder = Folder(images)
    tried(folder.refuse_empty, problems)
    found = tried(partial(read, folder), problems)
    if problems or found is None:
        raise UserError(problems)
    return folder, found


def mask_folders(folder: Path, labels: Iterable[str]) -> dict[str, Folder]:
    """The folders of masks of each label: the sub-folders of its name.

    Raises:
        UserError: the folder or a sub-folder is missing or empty.
    """
    if not folder.is_dir():
        raise user_error("there is no such folder of masks", where=str(folder))
    inside = [path.name for path in folder.iterdir() if path.is_dir()]
    message = "no sub-folder for the masks of the table's label {!r}{}"
    if missing := sorted(set(labels).difference(inside)):
        told = (message.format(label[:80], suggest(label, inside)) for label in missing)
        raise UserError(Problem(str(folder), text) for text in told)
    found = {label: Folder(folder / label) for label in labels}
    for masks in found.values():
        masks.refuse_empty()
    return found
