"""A folder of decoded images that survives being killed: a flat file and its journal."""

from __future__ import annotations

import fcntl
import hashlib
import json
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from hdf.data.decode import Placed
from hdf.data.image_file import ImageFile
from hdf.errors import user_error
from hdf.files import write_json, write_text
from hdf.types import Geometry, Sample

VERSION = 1
WARNING = """This folder holds copies of radiographs, reduced in size. Treat it as you treat the
radiographs themselves. It may be deleted: hdf makes it anew from the original files.
"""


@dataclass(frozen=True)
class Entry:
    """One line of the journal.

    Attributes:
        index: the place of the image in the flat file.
        fingerprint: of the sample's files.
        crc32: of the image's bytes and of the rest of the line.
    """

    index: int
    id: str
    fingerprint: str
    geometry: Geometry
    crc32: int = 0

    def checksum(self, pixels: bytes) -> int:
        """What `crc32` must be."""
        rest = {**asdict(self), "crc32": 0}
        return zlib.crc32(json.dumps(rest, sort_keys=True).encode(), zlib.crc32(pixels))


def fingerprint(sample: Sample) -> str:
    """Changes with the path, the size and the date of any of the sample's files."""
    facts = [(str(file.absolute()), *_state(file)) for file in sample.files]
    return hashlib.sha256(json.dumps(facts).encode()).hexdigest()


def _state(file: Path) -> tuple[int, int]:
    try:
        found = file.stat()
    except OSError:  # reading it will tell
        return -1, -1
    return found.st_size, found.st_mtime_ns


NOTICE = "CONTAINS_IMAGES.txt"


def _is_own(name: str) -> bool:
    """Whether a store that is being made, or whose making was killed, may hold it."""
    return name in (NOTICE, "header.json") or name.startswith((f".{NOTICE}.", ".header.json."))


class StoreFolder:
    """Decoded images on disk.

    The journal only grows, and its line follows the image. A slot is never written twice, so a
    training that reads the folder is not disturbed by another process that adds to it.

    Args:
        settings: what the images depend on beside their files.

    Raises:
        UserError: the folder holds something else, or was made with other settings.
    """

    def __init__(self, path: Path, size: tuple[int, int], settings: Mapping[str, Any]) -> None:
        self.path, self.size = path, size
        self.images, self.journal = path / "images.u8", path / "journal.jsonl"
        header = {"version": VERSION, "image_size": list(size), **settings}
        try:
            self._open(json.loads(json.dumps(header)))
        except OSError as error:
            raise user_error(f"can't be used as a store: {error.strerror}", str(path)) from error

    def _open(self, header: dict[str, Any]) -> None:
        file = self.path / "header.json"
        if file.exists():
            self._refuse_other(file, header)
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
        except ValueError:
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

    def entries(self, marks: Mapping[str, str]) -> dict[str, Entry]:
        """The last good line of each id, its image's checksum verified.

        Args:
            marks: the fingerprint that is wanted of each id. Images of the same id and other files
                may be there as well, such as those of a data set in another folder.
        """
        if not self.journal.exists() or not self.images.exists():
            return {}
        with self.journal.open("rb") as journal:
            found = (entry for line in journal if (entry := _entry(line)))
            last = {entry.id: entry for entry in found if marks.get(entry.id) == entry.fingerprint}
        with self.images.open("rb") as images:
            return {id: entry for id, entry in last.items() if self._is_whole(images, entry)}

    def _is_whole(self, file: Any, entry: Entry) -> bool:
        count = self.size[0] * self.size[1]
        file.seek(entry.index * count)
        image = file.read(count)
        return len(image) == count and entry.checksum(image) == entry.crc32

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
        with ExitStack() as open_files:
            with self.told():
                lock = open_files.enter_context((self.path / "lock").open("w"))
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    on_wait()
                    fcntl.flock(lock, fcntl.LOCK_EX)
                images = open_files.enter_context(self.images.open("ab"))
                journal = open_files.enter_context(self.journal.open("ab"))
                writer = Writer(images, journal, self)
            yield writer

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

    def __init__(self, images: Any, journal: Any, folder: StoreFolder) -> None:
        self.images, self.journal, self.folder = images, journal, folder
        self.count = folder.size[0] * folder.size[1]
        whole = -(-images.tell() // self.count) * self.count
        images.write(bytes(whole - images.tell()))  # a slot that was cut short is given up
        images.flush()
        journal.write(b"\n" if journal.tell() else b"")  # ends a line that was cut short

    def add(self, sample: Sample, mark: str, placed: Placed) -> Entry:
        """Write the image, then its line.

        Raises:
            UserError: the disk is full.
        """
        with self.folder.told():
            return self._add(sample, mark, placed)

    def _add(self, sample: Sample, mark: str, placed: Placed) -> Entry:
        pixels = placed.image.numpy().tobytes()
        index = self.images.tell() // self.count
        self.images.write(pixels)
        self.images.flush()
        entry = Entry(index, sample.id, mark, placed.geometry)
        entry = replace(entry, crc32=entry.checksum(pixels))
        self.journal.write(json.dumps(asdict(entry)).encode() + b"\n")
        self.journal.flush()
        return entry


def _entry(line: bytes) -> Entry | None:
    """A journal's line; None where it was cut short or damaged."""
    try:
        found = json.loads(line)
        place = found.pop("geometry")
        tuples: dict[str, Any] = {key: value and tuple(value) for key, value in place.items()}
        entry = Entry(**found, geometry=Geometry(**tuples))
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    whole = isinstance(entry.index, int) and entry.index >= 0 and isinstance(entry.id, str)
    return entry if whole else None
