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
        if self.numbered:
            self._name_files(free_path(self.path))
        self.path.mkdir(parents=True, exist_ok=True)
        if self.replaces:
            empty(self.path)
        self.figures.mkdir()  # the one step that only one of two runs can take

    def set_status(self, status: str, **details: Any) -> None:
        """Write ``status.json``: ``running``, ``finished``, ``failed`` or ``interrupted``."""
        now = datetime.now().astimezone().isoformat(timespec="seconds")
        write_json(self.status, {"status": status, "since": now, **details})

    def add_metrics(self, metrics: Mapping[str, Any], timing: Mapping[str, Any]) -> None:
        """One line for one epoch: what the seed determines, and what the clock says."""
        append_json_line(self.metrics, metrics)
        append_json_line(self.timing, timing)


def choose_folder(name: str, out: Path | None, overwrite: bool, root: str = "runs") -> RunFolder:
    """The folder that a run may write to; nothing is made or removed yet.

    Args:
        name: the recipe's name, for ``runs/NAME/TIME``.
        out: exactly this folder instead.
        overwrite: whether a run that is there may be replaced.
        root: instead of ``runs``.

    Raises:
        UserError: the folder holds a run, or something else.
    """
    if out is None:
        path = Path(root) / name / f"{datetime.now():%Y-%m-%dT%H-%M-%S}"
        return RunFolder(path, numbered=True)
    if out.exists() and not out.is_dir():
        raise user_error("is a file; --out names a folder", where=str(out))
    folder = RunFolder(out, replaces=overwrite)
    if not out.exists() or not any(out.iterdir()):
        return folder
    status = str(status_of(out).get("status", ""))
    if not status and not (overwrite and _was_killed_at_once(out)):
        message = "holds other files; give --out a new or an empty folder"
        raise user_error(message, where=str(out))
    if not overwrite:
        message = f"holds a run ({status}); give another folder, or --overwrite to replace it"
        raise user_error(message, where=str(out))
    return folder


def free_path(path: Path) -> Path:
    """`path`, or the first of ``path-2``, ``path-3`` … that is not taken."""
    found, number = path, 2
    while found.exists():
        found = path.with_name(f"{path.name}-{number}")
        number += 1
    return found


def status_of(folder: Path) -> dict[str, Any]:
    """What ``status.json`` holds; nothing where there is none."""
    try:
        status = json.loads((folder / "status.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return status if isinstance(status, dict) else {}


def _was_killed_at_once(folder: Path) -> bool:
    """Whether a folder holds what `RunFolder.create` makes before the status, and nothing else."""
    items = list(folder.iterdir())
    return [item.name for item in items] == ["figures"] and not any(items[0].iterdir())


def empty(folder: Path, keep: str = "") -> None:
    """Delete what is in a run's folder but for `keep`; to the end its status says whose it is."""
    for item in sorted(folder.iterdir(), key=lambda item: item.name == "status.json"):
        if item.is_dir() and not item.is_symlink():
            shutil.rmtree(item)
        elif item.name != keep:
            item.unlink()
