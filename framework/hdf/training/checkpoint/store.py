"""Checkpoints on disk: folders with a model file, a state of any content, and their checksums."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from hdf import __version__
from hdf.errors import Problem, UserError, user_error
from hdf.files.atomic import replacing, sync_folder, write_json
from hdf.runs.run_folder import BEST

FORMAT = 1
MODEL, STATE, SUMS = "model.safetensors", "state.pt", "checksums.json"


class DamagedError(Exception):
    """A checkpoint that is not what was written; the message says what is wrong with it."""


@dataclass(frozen=True)
class Checkpoint:
    """The folder of a checkpoint whose checksums are right, and what is wrong with newer ones."""

    path: Path
    damaged: tuple[str, ...] = ()

    def state(self) -> dict[str, Any]:
        """What was saved, with the weights of the model file as ``model``; on the CPU."""
        state: dict[str, Any] = torch.load(self.path / STATE, map_location="cpu", weights_only=True)
        return {**state, "model": load_file(self.path / MODEL)}


def save_checkpoint(
    checkpoints: Path,
    state: Mapping[str, Any],
    write_model: Callable[[Path], None],
    best: Path | None = None,
) -> None:
    """Write ``last``; the one that was there becomes ``previous``.

    The new one is read back before any name changes: there is a whole one at every moment.

    Args:
        state: tensors and plain values.
        write_model: writes a safetensors file; its tensors are found again as ``model``.
        best: a file that is copied into the checkpoint, as ``best.safetensors``.

    Raises:
        OSError: it can't be written, or reads back as something else.
    """
    fresh = checkpoints / ".next"
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        write_model(fresh / MODEL)
        with replacing(fresh / STATE) as temporary:
            _save(dict(state), temporary)
        if best is not None:
            with replacing(fresh / BEST) as temporary:
                shutil.copyfile(best, temporary)
        _write_checksums(fresh)
        _prove(fresh)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)  # a full disk needs the room
        raise
    _rotate(checkpoints)


def _save(state: dict[str, Any], path: Path) -> None:
    """As `torch.save`, which hides the disk's errors in its own."""
    with path.open("wb") as file:
        try:
            torch.save(state, file)
        except RuntimeError as error:
            if isinstance(error.__context__, OSError):
                raise error.__context__ from error
            raise


def _prove(fresh: Path) -> None:
    try:
        examine(fresh)
        torch.load(fresh / STATE, weights_only=True, mmap=True)
    except (DamagedError, RuntimeError) as error:
        raise OSError(5, f"what was written reads back differently: {error}", str(fresh)) from error


def _rotate(checkpoints: Path) -> None:
    """Only names change; whatever moment this ends at, `settle` makes good."""
    last, previous, old = (checkpoints / name for name in ("last", "previous", ".old"))
    if last.exists():
        shutil.rmtree(old, ignore_errors=True)
        if previous.exists():
            previous.rename(old)
        last.rename(previous)
    (checkpoints / ".next").rename(last)
    sync_folder(checkpoints)
    shutil.rmtree(old, ignore_errors=True)


def find_checkpoint(checkpoints: Path, advice: str) -> Checkpoint | None:
    """The newest checkpoint that is whole; None where there is none at all.

    Raises:
        UserError: there are some, but none can be used, with `advice`; or a later hdf wrote them.
    """
    damaged: list[str] = []
    # A process that was killed while names changed has left good ones without theirs.
    for name in ("last", ".next", "previous", ".old"):
        path = checkpoints / name
        if not path.exists():
            continue
        try:
            examine(path)
            return Checkpoint(path, tuple(damaged))
        except DamagedError as error:
            if not name.startswith("."):
                damaged.append(f"{path}: {error}")
    if not damaged:
        return None
    message = f"no checkpoint can be used; {advice}"
    raise UserError([Problem(str(checkpoints), message), *(Problem("", text) for text in damaged)])


def settle(checkpoints: Path, checkpoint: Checkpoint) -> None:
    """Name the checkpoint ``last``, and remove what is damaged or half done, not ``previous``."""
    last = checkpoints / "last"
    if checkpoint.path != last:
        shutil.rmtree(last, ignore_errors=True)
        checkpoint.path.rename(last)
        sync_folder(checkpoints)
    for path in checkpoints.glob("*"):
        if path.name not in ("last", "previous"):
            shutil.rmtree(path, ignore_errors=True)


def _write_checksums(path: Path) -> None:
    files = {item.name: digest(item) for item in sorted(path.iterdir())}
    about = {"format": FORMAT, "hdf": __version__, "files": files}
    write_json(path / SUMS, {**about, "whole": whole(about)})


def examine(path: Path) -> None:
    """Compare a checkpoint with its checksums.

    Raises:
        DamagedError: it is not what was written.
        UserError: another version of hdf wrote it, whose checkpoints this one can't read.
    """
    try:
        about = json.loads((path / SUMS).read_text(encoding="utf-8"))
        files = dict(about["files"])
        if about.pop("whole") != whole(about):
            raise ValueError
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedError(f"{SUMS} is missing or damaged") from error
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
