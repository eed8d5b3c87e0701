"""Whether a checkpoint is what was written."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from hdf import __version__
from hdf.errors import user_error
from hdf.files.atomic import write_json

FORMAT = 1
SUMS = "checksums.json"


class DamagedError(Exception):
    """A checkpoint that is not what was written; the message says what is wrong with it."""


def write_checksums(path: Path) -> None:
    """Write ``checksums.json``: of each file that is in a checkpoint's folder, and of itself."""
    files = {item.name: digest(item) for item in sorted(path.iterdir())}
    about = {"format": FORMAT, "hdf": __version__, "files": files}
    write_json(path / SUMS, {**about, "whole": whole(about)})


def examine(path: Path) -> None:
    """Look whether a checkpoint is what was written.

    Raises:
        DamagedError: it is not.
        UserError: another version of hdf wrote it, whose checkpoints this one can't read.
    """
    try:
        about = json.loads((path / SUMS).read_text(encoding="utf-8"))
        found, files = about.pop("whole"), dict(about["files"])
    except FileNotFoundError as error:
        raise DamagedError(f"there is no {SUMS}") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedError(f"{SUMS} is damaged") from error
    if found != whole(about):
        raise DamagedError(f"{SUMS} is damaged")
    if about["format"] != FORMAT:
        message = f"written by hdf {about['hdf']} in format {about['format']}, not {FORMAT}"
        raise user_error(message, where=str(path))
    for name, written in files.items():
        try:
            read = digest(path / name)
        except OSError as error:
            raise DamagedError(f"{name} can't be read: {error.strerror}") from error
        if read != written:
            raise DamagedError(f"{name} is damaged: its checksum is wrong")


def digest(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def whole(about: dict[str, Any]) -> str:
    """The SHA-256 of all that ``checksums.json`` says."""
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()
