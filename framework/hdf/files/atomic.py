"""Files that are either whole or not there: written beside their place, then renamed into it."""

from __future__ import annotations

import csv
import errno
import json
import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from hdf.errors import user_error

DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES)
"""What a user mends: a disk that is full or read-only, a folder of somebody else's."""
_DECIMAL = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)
_TEMPORARY = re.compile(r"\..+\.\d+\.tmp")


def cache_folder() -> Path:
    """``$HDF_CACHE``, else ``hdf`` below ``$XDG_CACHE_HOME`` or ``~/.cache``."""
    if own := os.environ.get("HDF_CACHE"):
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "hdf"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`; what was written there takes its place on success."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # A name may have 255 bytes, and a character up to four.
    temporary = path.with_name(f".{path.name[-50:]}.{os.getpid()}.tmp")
    with naming(path):
        try:
            yield temporary
            with temporary.open("rb") as written:
                os.fsync(written.fileno())
            temporary.replace(path)
            sync_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)  # which a read-only disk refuses as well


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let what the disk refuses in the block carry the file's name: a full one names none."""
    try:
        yield
    except OSError as error:
        if error.errno in DISK_ERRORS:
            error.filename = str(path)
        raise


def sync_folder(folder: Path) -> None:
    """Let the disk keep the names in a folder: a renamed file may otherwise lose its new one."""
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # no folders are synced here
            raise
    finally:
        os.close(opened)


def remove_leftovers(folder: Path) -> None:
    """Delete what `replacing` had begun, below `folder`, in a process that was killed."""
    for path in folder.rglob(".*.tmp"):
        if _TEMPORARY.fullmatch(path.name):
            path.unlink(missing_ok=True)


def is_file(path: Path) -> bool:
    """Whether a name that somebody wrote is a file's; no name can be too odd to be asked for."""
    try:
        return path.is_file()
    except OSError:  # longer than the system allows
        return False


def read_text(path: Path, most: int) -> str:
    """UTF-8 text that somebody else wrote, with or without a byte order mark.

    Raises:
        UserError: there is no such file, it is a pipe or a device, larger than `most` bytes, or not
            UTF-8.
    """
    try:
        found = path.stat()  # a pipe would be waited for, and a device has no end
        if not stat.S_ISREG(found.st_mode):
            raise user_error("is no file but a folder, a pipe or a device", where=str(path))
        if found.st_size > most:
            raise user_error(f"larger than {most / 1e6:g} MB", where=str(path))
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise user_error(f"not UTF-8 text ({error.reason})", where=str(path)) from error
    except (OSError, ValueError) as error:  # the latter for a name that no file can have
        reason = getattr(error, "strerror", None) or error
        raise user_error(f"can't be read: {reason}", where=str(path)) from error


def utf8_name(name: str | Path) -> str:
    """A file's name as text for a table or a page: bytes that are not UTF-8 become ``\\udcff``.

    Python keeps such a byte as half of a surrogate pair, which no UTF-8 file can hold.
    """
    return str(name).encode("utf-8", "backslashreplace").decode("utf-8")


def write_text(path: Path, text: str) -> None:
    """Write UTF-8 text, names of files in it as `utf8_name` gives them."""
    with replacing(path) as temporary:
        temporary.write_text(utf8_name(text), encoding="utf-8")


def write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write CSV."""
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    write_text(path, text.getvalue())


def decimal(cell: str) -> float:
    """The decimal number in a table's cell.

    Raises:
        ValueError: it is something else that Python takes for one: ``nan``, ``1_0``, other digits.
    """
    if not _DECIMAL.fullmatch(cell):
        raise ValueError(f"{cell[:40]!r}")
    return float(cell)


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def append_json_line(path: Path, value: Mapping[str, Any]) -> None:
    """Add one line to a ``.jsonl`` file, or none where it does not fit on the disk."""
    line = (json.dumps(value, allow_nan=False) + "\n").encode()
    with path.open("ab", buffering=0) as file:
        size = file.tell()
        try:
            with naming(path):
                if file.write(line) < len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError:
            file.truncate(size)
            raise


def refuse_path(path: Path, what: str, is_own: Callable[[Path], bool], overwrite: bool) -> None:
    """Raise a UserError for a path that holds anything but hdf's own, or that can't be written.

    Args:
        what: what hdf writes there, such as ``preview``.
        is_own: whether a file that is there is such a one, which may be replaced.
        overwrite: whether any file may be replaced.
    """
    refuse_unwritable(path)
    if path.is_dir():
        raise user_error(f"is a folder; the {what} is a file", str(path))
    if path.exists() and not overwrite and not (path.is_file() and is_own(path)):
        message = f"is there already, and is no {what}; give another path, or --overwrite"
        raise user_error(message, str(path))


def refuse_unwritable(path: Path) -> None:
    """Raise a UserError for a file or a folder that can't be written, before work is done for it.

    A file without a name is made in the folder, or in the nearest one above, because permissions
    alone do not tell whether that works.
    """
    above = path.absolute()
    try:
        if above.is_file() and not above.stat().st_mode & 0o222:
            message = "is a read-only file; give another path, or make it writable"
            raise user_error(message, str(path))
        if not above.is_dir():
            above = next(folder for folder in above.parents if folder.exists())
        with TemporaryFile(dir=above):
            pass
    except OSError as error:
        raise user_error(f"can't be written into {above}: {error.strerror}", str(path)) from error
