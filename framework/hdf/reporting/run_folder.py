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
    """

    def __init__(self, path: Path) -> None:
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
        """Make the folder, in place of what a run left there before."""
        if self.path.exists():
            shutil.rmtree(self.path)
        self.figures.mkdir(parents=True)
        self.set_status("running")

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
        return RunFolder(_unused(Path("runs") / name / f"{datetime.now():%Y-%m-%dT%H-%M-%S}"))
    folder = RunFolder(out)
    if out.exists() and not out.is_dir():
        raise user_error("is a file; --out names a folder", where=str(out))
    if not out.exists() or not any(out.iterdir()):
        return folder
    status = _status(folder)
    if not status:
        message = "holds other files; give --out a new or an empty folder"
        raise user_error(message, where=str(out))
    if not overwrite:
        message = f"holds a run ({status}); give another folder, or --overwrite to replace it"
        raise user_error(message, where=str(out))
    return folder


def _unused(path: Path) -> Path:
    found, number = path, 2
    while found.exists():
        found, number = path.with_name(f"{path.name}-{number}"), number + 1
    return found


def _status(folder: RunFolder) -> str:
    try:
        return str(json.loads(folder.status.read_text(encoding="utf-8"))["status"])
    except (OSError, ValueError, KeyError, TypeError):
        return ""
