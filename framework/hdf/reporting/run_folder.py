"""The folder of one run; every file in it is whole or not there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from hdf.errors import user_error
from hdf.files import append_json_line, write_json


class RunFolder:
    """Names the files of a run.

    Args:
        path: the folder.
        replaces: whether a run that is there gives way to this one.
        numbered: whether to write to ``path-2``, ``path-3`` … where `path` is taken by the time the
            folder is made.
    """

    def __init__(self, path: Path, *, replaces: bool = False, numbered: bool = False) -> None:
        self.replaces, self.numbered = replaces, numbered
        self._name_files(path)

    def _name_files(self, path: Path) -> None:
        self.path = path
        self.figures = path / "figures"
        self.checkpoints = path / "checkpoints"
        self.best = path / "best.safetensors"
        self.log = path / "log.txt"
        self.metrics = path / "metrics.jsonl"
        self.timing = path / "timing.jsonl"
        self.summary = path / "summary.json"
        self.status = path / "status.json"

    def create(self) -> None:
        """Make the folder, or empty the one that is replaced.

        A replaced folder itself stays, for it may be a mounted volume or the working directory.

        Raises:
            UserError: it can't be made, or another run has begun there meanwhile.
        """
        try:
            self._make()
        except FileExistsError as error:
            raise user_error("another run has begun there", where=str(self.path)) from error
        except OSError as error:
            message = f"the run folder can't be made: {error.strerror or error}"
            raise user_error(message, where=str(self.path)) from error
        self.set_status("running")

    def _make(self) -> None:
        first, number = self.path, 2
        while self.numbered and self.path.exists():
            self._name_files(first.with_name(f"{first.name}-{number}"))
            number += 1
        self.path.mkdir(parents=True, exist_ok=True)
        if self.replaces or _is_unused(self.path):
            _empty(self.path)
        self.figures.mkdir()  # the one step that only one of two runs can take

    def set_status(self, status: str, **details: Any) -> None:
        """Write ``status.json``: ``running``, ``finished``, ``failed`` or ``interrupted``."""
        now = datetime.now().astimezone().isoformat(timespec="seconds")
        write_json(self.status, {"status": status, "since": now, **details})

    def add_metrics(self, metrics: Mapping[str, Any], timing: Mapping[str, Any]) -> None:
        """One line for one epoch: what the seed determines, and what the clock says."""
        append_json_line(self.metrics, metrics)
        append_json_line(self.timing, timing)


def choose_folder(name: str, out: Path | None, overwrite: bool) -> RunFolder:
    """The folder that a run may write to; nothing is made or removed yet.

    Args:
        name: the recipe's name, for ``runs/NAME/TIME``.
        out: exactly this folder instead.
        overwrite: whether a run that is there may be replaced.

    Raises:
        UserError: the folder holds a run, or something else.
    """
    if out is None:
        path = Path("runs") / name / f"{datetime.now():%Y-%m-%dT%H-%M-%S}"
        return RunFolder(path, numbered=True)
    if out.exists() and not out.is_dir():
        raise user_error("is a file; --out names a folder", where=str(out))
    folder = RunFolder(out, replaces=overwrite)
    if not out.exists() or _is_unused(out):
        return folder
    status = _status(folder)
    if not status:
        message = "holds other files; give --out a new or an empty folder"
        raise user_error(message, where=str(out))
    if not overwrite:
        message = f"holds a run ({status}); give another folder, or --overwrite to replace it"
        raise user_error(message, where=str(out))
    return folder


def _is_unused(folder: Path) -> bool:
    """Whether nothing is in a folder, or what a run that was killed at once has made."""
    items = list(folder.iterdir())
    return not items or (
        [item.name for item in items] == ["figures"]
        and items[0].is_dir()
        and not any(items[0].iterdir())
    )


def status_last(folder: Path) -> list[Path]:
    """What is in a run's folder, in the order to delete it: to the end it says whose it is."""
    return sorted(folder.iterdir(), key=lambda item: item.name == "status.json")


def _empty(folder: Path) -> None:
    for item in status_last(folder):
        if item.is_dir() and not item.is_symlink():
            shutil.rmtree(item)
        else:
            item.unlink()


def _status(folder: RunFolder) -> str:
    try:
        return str(json.loads(folder.status.read_text(encoding="utf-8"))["status"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
