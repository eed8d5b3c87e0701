"""What a run saves while it goes on: whole, proven and never the only one."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from hdf.errors import Problem, UserError
from hdf.files.atomic import replacing, sync_folder
from hdf.models.detector import Detector
from hdf.models.file import save_model
from hdf.runs.run_folder import RunFolder
from hdf.training.checkpoint.checksums import DamagedError, examine, write_checksums

MODEL, STATE, BEST = "model.safetensors", "state.pt", "best.safetensors"


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint whose checksums are right.

    Attributes:
        path: its folder.
        damaged: what is wrong with the newer ones, if there are any.
    """

    path: Path
    damaged: tuple[str, ...] = ()

    def state(self) -> dict[str, Any]:
        """What was saved, with the weights of the model file as ``model``; on the CPU."""
        state: dict[str, Any] = torch.load(self.path / STATE, map_location="cpu", weights_only=True)
        return {**state, "model": load_file(self.path / MODEL)}

    @property
    def best(self) -> Path | None:
        """The run's ``best.safetensors`` as it was then."""
        path = self.path / BEST
        return path if path.exists() else None


def save_checkpoint(
    folder: RunFolder, detector: Detector, state: dict[str, Any], best: Path | None = None
) -> None:
    """Write ``checkpoints/last``; the one that was there becomes ``checkpoints/previous``.

    The new one is written into a folder of its own and read back before any name changes, so that
    there is a whole checkpoint at every moment.

    Args:
        detector: what is evaluated; the learner's own, or the average of its weights.
        state: tensors and plain values.
        best: the run's best weights so far, if it has chosen any.

    Raises:
        OSError: it can't be written, or reads back as something else.
    """
    fresh = folder.checkpoints / ".next"
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        _write(fresh, detector, state, best)
        _prove(fresh)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)  # a full disk needs the room
        raise
    _rotate(folder.checkpoints)


def _write(fresh: Path, detector: Detector, state: dict[str, Any], best: Path | None) -> None:
    save_model(detector, fresh / MODEL)
    with replacing(fresh / STATE) as temporary:
        _save(state, temporary)
    if best is not None:
        with replacing(fresh / BEST) as temporary:
            shutil.copyfile(best, temporary)
    write_checksums(fresh)


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


def find_checkpoint(folder: RunFolder) -> Checkpoint | None:
    """The newest checkpoint that is whole; None where there is none at all. Nothing is changed.

    Raises:
        UserError: there are some, but none of them can be used; or a later hdf wrote them.
    """
    damaged: list[str] = []
    # A process that was killed while names changed has left good ones without theirs.
    for name in ("last", ".next", "previous", ".old"):
        path = folder.checkpoints / name
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
    again = f"hdf run {folder.path / 'resolved.yaml'} --out NEW_FOLDER"
    message = f"no checkpoint can be used; to start again: {again}"
    raise UserError([Problem(str(folder.path), message), *(Problem("", text) for text in damaged)])


def settle(folder: RunFolder, checkpoint: Checkpoint | None) -> None:
    """Let the checkpoint that is gone on from be ``last``, and remove what is damaged or half done.

    A good ``previous`` stays.
    """
    checkpoints = folder.checkpoints
    last = checkpoints / "last"
    if checkpoint is not None and checkpoint.path != last:
        shutil.rmtree(last, ignore_errors=True)
        checkpoint.path.rename(last)
        sync_folder(checkpoints)
    for path in checkpoints.glob("*"):
        if checkpoint is None or path.name not in ("last", "previous"):
            shutil.rmtree(path, ignore_errors=True)


def last_epoch(folder: RunFolder) -> int | None:
    """How many epochs the newest checkpoint holds; None where there is none."""
    try:
        state = torch.load(folder.checkpoints / "last" / STATE, weights_only=True, mmap=True)
        return int(state["epoch"])
    except Exception:  # a damaged or hostile one raises almost anything
        return None
