"""A folder of decoded images and masks: what is there is kept, the rest is decoded and added."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from hdf.data.decode import attempted, decode, fault_of, target_of
from hdf.data.flat_file import FlatFile, ImageFile, L, Line
from hdf.data.masks import packed_size
from hdf.data.resize import Resize
from hdf.data.store import Progress, Skipped, Store, Usable, collect
from hdf.errors import UserError, user_error
from hdf.files.atomic import write_json, write_text
from hdf.files.lock import locked
from hdf.runtime.workers import map_samples
from hdf.types import Geometry, Sample

VERSION = 3
"""Of the files' layout and of how pixels are made: to be raised with any change of either.

`tests/data/test_version.py` notices a change of the pixels.
"""
FLAG = "CONTAINS_IMAGES.txt"
WARNING = """This folder holds copies of radiographs, reduced in size. Treat it as you treat the
radiographs themselves. It may be deleted: hdf makes it anew from the original files.
"""


@dataclass(frozen=True, kw_only=True)
class ImageLine(Line):
    """The line of one image.

    Attributes:
        fingerprint: of the sample's files.
    """

    fingerprint: str
    geometry: Geometry


@dataclass(frozen=True, kw_only=True)
class MaskLine(Line):
    """The line of one image's masks, which lie in slots one after the other.

    Attributes:
        keys: what each mask was made of; see `hdf.data.mask_reading.mask_keys`.
    """

    keys: tuple[str, ...]

    @property
    def slots(self) -> int:
        return len(self.keys)


def fingerprint(sample: Sample) -> str:
    """Changes with the path, the size and the date of any of the sample's files."""
    facts = [file_facts(file) for file in sample.files]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def file_facts(file: Path) -> tuple[str, int, int]:
    """Path, size and date of a file; -1 for what is not known."""
    try:
        found = file.stat()
    except OSError:  # which reading it reports
        return str(file.absolute()), -1, -1
    return str(file.absolute()), found.st_size, found.st_mtime_ns


def _is_own(name: str) -> bool:
    """Whether a store that is being made, or whose making was killed, may hold this file."""
    return name in (FLAG, "header.json") or name.startswith((f".{FLAG}.", ".header.json."))


class StoreFolder:
    """Decoded images on disk, and masks beside them.

    Args:
        settings: what images and masks depend on, apart from their files.

    Attributes:
        pixels: images, a slot each.
        masks: packed masks (`hdf.data.masks`), a slot each.

    Raises:
        UserError: the folder holds something else, or was made with other settings.
    """

    def __init__(self, path: Path, size: tuple[int, int], settings: Mapping[str, Any]) -> None:
        self.path, self.size = path, size
        images, masks = path / "images.u8", path / "masks.bits"
        self.pixels = FlatFile(images, path / "journal.jsonl", size[0] * size[1], _image_line)
        self.masks = FlatFile(masks, path / "masks.jsonl", packed_size(size), _mask_line)
        header = {"version": VERSION, "image_size": list(size), **settings}
        try:
            self._open(json.loads(json.dumps(header)))
        except OSError as error:
            raise user_error(f"can't be used as a store: {error.strerror}", str(path)) from error

    def _open(self, header: dict[str, Any]) -> None:
        file = self.path / "header.json"
        if file.exists():
            self._refuse_other(file, header)
            with suppress(OSError):  # a store that can only be read serves as well
                os.utime(file)  # when it was last used
            return
        if self.path.exists() and any(not _is_own(item.name) for item in self.path.iterdir()):
            message = "the folder is no store and is not empty; choose another for data.store"
            raise user_error(message, str(self.path))
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_text(self.path / FLAG, WARNING)
        write_json(file, header)

    def _refuse_other(self, file: Path, header: dict[str, Any]) -> None:
        try:
            found = json.loads(file.read_bytes())
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise user_error("the store's header is damaged; delete the folder", str(file))
        keys = [key for key in header if found.get(key) != header[key]]
        if keys:
            raise user_error(
                f"the store was made with another {', '.join(keys)}; choose another folder for "
                "data.store, or delete this one",
                str(file),
            )

    @property
    def nbytes(self) -> int:
        """The size of images and masks on disk, in bytes."""
        files = (self.pixels.path, self.masks.path)
        return sum(file.stat().st_size for file in files if file.exists())

    def lines(self, fingerprints: Mapping[str, str]) -> dict[str, ImageLine]:
        """The last good line of each id, with its image's checksum verified.

        Args:
            fingerprints: of each id. The store may hold images of the same id and other files too,
                such as those of a data set in another folder.
        """
        return self.pixels.lines(lambda line: fingerprints.get(line.id) == line.fingerprint)

    @contextmanager
    def adding(
        self, file: FlatFile[L], on_wait: Callable[[], None] = lambda: None
    ) -> Iterator[Callable[[L, bytes], L]]:
        """Append to `pixels` or `masks`; only one process may, and others wait for it.

        Args:
            on_wait: called before this process waits.

        Yields:
            A function that takes a line and the bytes of its slots.

        Raises:
            UserError: the folder can't be written, or the disk is full.
        """
        with ExitStack() as open_files:
            with self._refusing():
                lock = open_files.enter_context((self.path / "lock").open("w"))
                if not locked(lock.fileno()):
                    on_wait()
                    locked(lock.fileno(), wait=True)
                append = open_files.enter_context(file.appending())

            def add(line: L, content: bytes) -> L:
                with self._refusing():
                    return append(line, content)

            yield add

    @contextmanager
    def _refusing(self) -> Iterator[None]:
        """Report what the system refuses as the store's problem."""
        try:
            yield
        except OSError as error:
            message = f"can't write the store: {error.strerror or error}"
            raise user_error(message, str(self.path)) from error


def _image_line(found: dict[str, Any]) -> ImageLine:
    geometry = found.pop("geometry")
    tuples: dict[str, Any] = {key: value and tuple(value) for key, value in geometry.items()}
    return ImageLine(**found, geometry=Geometry(**tuples))


def _mask_line(found: dict[str, Any]) -> MaskLine:
    return MaskLine(**{**found, "keys": tuple(found["keys"])})


def read_prepared(
    folder: StoreFolder,
    samples: Sequence[Sample],
    labels: tuple[str, ...],
    resize: Resize,
    progress: Progress = lambda done, total: None,
    on_wait: Callable[[], None] = lambda: None,
) -> tuple[Store | None, list[Skipped], int]:
    """Add the images that the folder lacks, and open it.

    Boxes come from the samples each time, so that correcting one decodes nothing. A bad image is
    tried again each time, as a missing decoder may have been installed.

    Args:
        on_wait: called before this process waits for another that fills the folder.

    Returns:
        The store, or None if no sample can be used; the samples that can't be used; and how many
        images were there already.

    Raises:
        UserError: the folder can't be written.
    """
    marks = {sample.id: fingerprint(sample) for sample in samples if not sample.faults}
    there = folder.lines(marks)
    reused = len(there)
    bad = {sample.id: fault for sample in samples if (fault := fault_of(sample))}
    if any(sample.id not in there and sample.id not in bad for sample in samples):
        _fill(folder, samples, marks, there, bad, resize, progress, on_wait)
    usable: list[Usable] = []
    for sample in (sample for sample in samples if sample.id in there):
        try:
            geometry = there[sample.id].geometry
            usable.append(
                Usable(sample, geometry, target_of(sample, geometry.original_size, labels))
            )
        except UserError as error:
            bad[sample.id] = error
    skipped = [(item.id, bad[item.id]) for item in samples if item.id in bad]
    if not usable:
        return None, skipped, reused
    slots = [there[item.sample.id].index for item in usable]
    images = ImageFile(folder.pixels.path, slots, folder.size)
    return collect(usable, images, labels), skipped, reused


def _fill(
    folder: StoreFolder,
    samples: Sequence[Sample],
    marks: dict[str, str],
    there: dict[str, ImageLine],
    bad: dict[str, UserError],
    resize: Resize,
    progress: Progress,
    on_wait: Callable[[], None],
) -> None:
    """Add the images that are missing to `there`, and those that can't be read to `bad`."""
    read = partial(attempted, partial(decode, size=folder.size, resize=resize))
    with folder.adding(folder.pixels, on_wait) as add:
        # Another process may have added some in the meantime.
        there |= folder.lines({id: mark for id, mark in marks.items() if id not in there})
        missing = [item for item in samples if item.id not in there and item.id not in bad]
        results = map_samples(read, missing)
        for sample, result in zip(missing, results, strict=True):
            if isinstance(result, UserError):
                bad[sample.id] = result
            else:
                image, geometry = result
                mark = marks[sample.id]
                line = ImageLine(index=0, id=sample.id, fingerprint=mark, geometry=geometry)
                there[sample.id] = add(line, image.numpy().tobytes())
            progress(len(there) + len(bad), len(samples))
