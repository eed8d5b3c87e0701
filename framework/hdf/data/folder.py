"""A folder of decoded images, and of masks where they are wanted, that survives being killed."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hdf.data.decode import Placed
from hdf.data.flat_file import Appender, FlatFile, L, Line
from hdf.data.image_file import ImageFile
from hdf.data.masks import packed_size
from hdf.errors import user_error
from hdf.files.atomic import write_json, write_text
from hdf.types import Geometry, Sample

VERSION = 2
"""Of the files' layout and of how pixels are made: to be raised with any change of either."""
WARNING = """This folder holds copies of radiographs, reduced in size. Treat it as you treat the
radiographs themselves. It may be deleted: hdf makes it anew from the original files.
"""


@dataclass(frozen=True, kw_only=True)
class Entry(Line):
    """An image's line.

    Attributes:
        fingerprint: of the sample's files.
    """

    fingerprint: str
    geometry: Geometry


@dataclass(frozen=True, kw_only=True)
class MaskEntry(Line):
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
    """Path, size and date of a file; -1 for what can't be told."""
    try:
        found = file.stat()
    except OSError:  # reading it will tell
        return str(file.absolute()), -1, -1
    return str(file.absolute()), found.st_size, found.st_mtime_ns


NOTICE = "CONTAINS_IMAGES.txt"


def _is_own(name: str) -> bool:
    """Whether a store that is being made, or whose making was killed, may hold it."""
    return name in (NOTICE, "header.json") or name.startswith((f".{NOTICE}.", ".header.json."))


class StoreFolder:
    """Decoded images on disk, and masks beside them.

    Args:
        settings: what images and masks depend on beside their files.

    Attributes:
        masks: packed masks, a slot each; see `hdf.data.masks`.

    Raises:
        UserError: the folder holds something else, or was made with other settings.
    """

    def __init__(self, path: Path, size: tuple[int, int], settings: Mapping[str, Any]) -> None:
        self.path, self.size = path, size
        self.images, self.journal = path / "images.u8", path / "journal.jsonl"
        self._pixels = FlatFile(self.images, self.journal, size[0] * size[1], _entry)
        self.masks = FlatFile(
            path / "masks.bits", path / "masks.jsonl", packed_size(size), _mask_entry
        )
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
        write_text(self.path / NOTICE, WARNING)
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
        """What images and masks take on disk."""
        files = (self.images, self.masks.path)
        return sum(file.stat().st_size for file in files if file.exists())

    def entries(self, marks: Mapping[str, str]) -> dict[str, Entry]:
        """The last good line of each id, its image's checksum verified.

        Args:
            marks: the fingerprint that is wanted of each id. Images of the same id and other files
                may be there as well, such as those of a data set in another folder.
        """
        return self._pixels.lines(lambda entry: marks.get(entry.id) == entry.fingerprint)

    def open_images(self, entries: Sequence[Entry]) -> ImageFile:
        """The images of these entries, in order."""
        return ImageFile(self.images, [entry.index for entry in entries], self.size)

    @contextmanager
    def writing(self, on_wait: Callable[[], None] = lambda: None) -> Iterator[Writer]:
        """Add images; only one process may, and others wait for it.

        Args:
            on_wait: called before this process waits.

        Raises:
            UserError: the folder can't be written, or the disk is full.
        """
        with self._adding(self._pixels, on_wait) as appender:
            yield Writer(self, appender)

    @contextmanager
    def writing_masks(
        self, on_wait: Callable[[], None] = lambda: None
    ) -> Iterator[Callable[[MaskEntry, bytes], MaskEntry]]:
        """As `writing`, for masks: gives a function that takes a line and its slots' bytes."""
        with self._adding(self.masks, on_wait) as appender:

            def add(entry: MaskEntry, content: bytes) -> MaskEntry:
                with self.told():
                    return appender.add(entry, content)

            yield add

    @contextmanager
    def _adding(self, file: FlatFile[L], on_wait: Callable[[], None]) -> Iterator[Appender[L]]:
        with ExitStack() as open_files:
            with self.told():
                lock = open_files.enter_context((self.path / "lock").open("w"))
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    on_wait()
                    fcntl.flock(lock, fcntl.LOCK_EX)
                appender = open_files.enter_context(file.appending())
            yield appender

    @contextmanager
    def told(self) -> Iterator[None]:
        """Tell what the system refuses as the store's affair.

        Raises:
            UserError: instead of an OSError.
        """
        try:
            yield
        except OSError as error:
            message = f"can't write the store: {error.strerror or error}"
            raise user_error(message, str(self.path)) from error


class Writer:
    """Adds images at the end of a store."""

    def __init__(self, folder: StoreFolder, appender: Appender[Entry]) -> None:
        self.folder, self.appender = folder, appender

    def add(self, sample: Sample, mark: str, placed: Placed) -> Entry:
        """Write the image, then its line.

        Raises:
            UserError: the disk is full.
        """
        entry = Entry(index=0, id=sample.id, fingerprint=mark, geometry=placed.geometry)
        with self.folder.told():
            return self.appender.add(entry, placed.image.numpy().tobytes())


def _entry(found: dict[str, Any]) -> Entry:
    place = found.pop("geometry")
    tuples: dict[str, Any] = {key: value and tuple(value) for key, value in place.items()}
    return Entry(**found, geometry=Geometry(**tuples))


def _mask_entry(found: dict[str, Any]) -> MaskEntry:
    return MaskEntry(**{**found, "keys": tuple(found["keys"])})
