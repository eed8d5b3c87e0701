"""Images that a file of annotations names, and the samples that they make."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path, PurePosixPath, PureWindowsPath

from hdf import Sample, UserError, images
from hdf.errors import Problem
from hdf.images import SUFFIXES
from hdf.types import Fault
from hdf_plugins.loaders.annotations import Box, make_target, misplaced
from hdf_plugins.loaders.folders import image_sample, require_folder, stem_of, tried


@dataclass(slots=True)
class Annotated:
    """One image as the annotations know it.

    Attributes:
        where: the file and the entry, for messages.
        name: of the image's file; empty where it can't be used.
        frame: (height, width) of what `boxes` are measured in, or None where nothing says so.
        patient: whose image it is; empty where nothing says so.
        boxes: in units of `frame`, with their labels.
        faults: of the entry and of its boxes.
    """

    where: str
    name: str
    frame: tuple[int, int] | None = None
    patient: str = ""
    boxes: list[tuple[Box, str]] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def add(self, where: str, box: Box, label: str) -> None:
        """Add a box, or what is wrong with it.

        Args:
            where: the place of the box, for messages.
        """
        faults = list(misplaced(box, self.frame))
        faults += [] if label else [Fault("the label is empty")]
        self.faults += (Fault.at(where, fault) for fault in faults)
        self.boxes += [] if faults else [(box, label)]


Read = Callable[[], tuple[list[Annotated], dict[str, str]]]
"""Returns the images, and the faults of annotations without one, by where they stand."""


def safe_name(name: str, faults: list[str], key: str) -> str:
    """The name of an image below a folder; empty, with a fault, where it is none.

    Args:
        key: what the annotations call it.
    """
    # Windows' rules know both slashes, drives and roots, so they refuse what any system would.
    path = PureWindowsPath(name)
    if path.drive or path.root or ".." in path.parts:
        faults.append(f"{key} {name[:80]!r} leads out of the folder of images")
        return ""
    if not path.name:
        faults.append(f"{key} is missing, empty or not printable")
    return name if path.name else ""


def annotated_samples(folder: Path, read: Read, strip: Callable[[str], str] = str) -> list[Sample]:
    """One sample an image, in the order of their ids, and one an annotation of no image.

    Args:
        folder: that of the images.
        read: reads the annotations.
        strip: takes off what a tool has put before the name of a file that it was given.

    Raises:
        UserError: the folder or the annotations can't be used at all; all reasons at once.
    """
    problems: list[Problem] = []
    files = tried(partial(_Files, folder, strip), problems)
    found = tried(read, problems)
    if files is None or found is None:
        raise UserError(problems)
    listed, lost = found
    by_file: dict[str, list[Annotated]] = defaultdict(list)
    paths: dict[str, Path] = {}
    for image in listed:
        path = files.path_of(image) if image.name else None
        id = image.where if path is None else files.id_of(path)
        by_file[id].append(image)
        if path is not None:
            paths[id] = path
    source = folder.absolute().name
    samples = [_sample(id, paths.get(id), entries, source) for id, entries in by_file.items()]
    samples += [Sample.broken(where, fault) for where, fault in lost.items()]
    return sorted(samples, key=lambda sample: sample.id)


def _sample(id: str, path: Path | None, entries: list[Annotated], source: str) -> Sample:
    image = entries[0]
    faults = [fault for entry in entries for fault in entry.faults]
    faults += (
        f"{entry.where}: another image has this file, see {image.where}" for entry in entries[1:]
    )
    if faults or path is None:
        return Sample.broken(id, *faults)
    target = make_target(image.boxes, image.frame)
    return image_sample(id, path, image.patient, target=target, source=source, where=image.where)


class _Files:
    """The images of a folder, by what annotations may call them."""

    def __init__(self, folder: Path, strip: Callable[[str], str]) -> None:
        require_folder(folder)
        self.folder, self.strip = folder, strip
        self.inside = cache(_images_by_name)

    def id_of(self, path: Path) -> str:
        return stem_of(str(PurePosixPath(path.relative_to(self.folder))), ())

    def path_of(self, image: Annotated) -> Path | None:
        """The image's file; None, with a fault, where there is none or several fit."""
        found = list(self._found(image.name))
        if len(found) == 1:
            return found[0]
        shown = repr(image.name[:80])
        if found:
            names = " and ".join(path.name for path in found)
            image.faults.append(f"{image.where}: {shown} may be {names}; keep one of them")
        elif Path(image.name).suffix.lower() in SUFFIXES or not Path(image.name).suffix:
            where = (self.folder / image.name).parent
            image.faults.append(f"{image.where}: there is no file {shown} in {where}")
        else:
            image.faults.append(f"{image.where}: {shown} is no {', '.join(SUFFIXES)} file")
        return None

    def _found(self, name: str) -> Iterator[Path]:
        """The path as it is written, else all files of its last part, in any case and suffix."""
        path = self.folder / name
        try:
            if path.is_file() and images.is_image(path):
                yield path
                return
        except OSError:  # a name longer than the system allows
            return
        for folder in (path.parent, self.folder):
            known = self.inside(folder)
            last = PureWindowsPath(name).name.lower()
            plain = self.strip(last)
            names = (last, plain, stem_of(last, ()), stem_of(plain, ()))
            if fitting := next((known[name] for name in names if name in known), None):
                yield from fitting
                return


def _images_by_name(folder: Path) -> dict[str, list[Path]]:
    """The image files of a folder, by name with suffix and without it, in lower case."""
    found: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if not path.name.startswith(".") and images.is_image(path) and path.is_file():
            for name in {path.name.lower(), stem_of(path.name.lower(), ())}:
                found[name].append(path)
    return dict(found)
