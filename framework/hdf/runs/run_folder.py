"""The folder of a run or an evaluation; every file in it is whole or not there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hdf.errors import user_error
from hdf.files import atomic
from hdf.files.atomic import refuse_unwritable, write_json, write_table, write_text
from hdf.files.lock import NAME as LOCK
from hdf.files.lock import FolderLock, is_held

if TYPE_CHECKING:
    from hdf.data.split import Split
    from hdf.recipe.check import CheckedRecipe
    from hdf.types import Sample

RECIPE, RESOLVED, ENVIRONMENT = "recipe.yaml", "resolved.yaml", "environment.json"
SPLIT, SKIPPED = "split.csv", "skipped.csv"
STATUS, LOG, METRICS, TIMING = "status.json", "log.txt", "metrics.jsonl", "timing.jsonl"
NOT_FINITE, CHECKPOINTS, FIGURES = "not_finite.json", "checkpoints", "figures"
BEST, SUMMARY = "best.safetensors", "summary.json"
PREDICTIONS, MATCHES = "predictions.csv", "matches.csv"
CALIBRATION = "calibration.json"


class RunFolder:
    """Names the files of a run.

    Args:
        replaces: whether a run that is there gives way to this one.
        numbered: whether to write to ``path-2``, ``path-3`` … where `path` is taken by the time the
            folder is made.
        resumes: whether a run that is there goes on.
    """

    is_fold = False
    """Whether a cross-validation says how to go on, and starts again what can't."""
    has_figures = is_locked = True

    def __init__(
        self, path: Path, *, replaces: bool = False, numbered: bool = False, resumes: bool = False
    ) -> None:
        self.replaces, self.numbered, self.resumes = replaces, numbered, resumes
        self.lock = FolderLock()
        self._name_files(path)

    def _name_files(self, path: Path) -> None:
        self.path = path
        self.figures, self.checkpoints = path / FIGURES, path / CHECKPOINTS
        self.best, self.summary = path / BEST, path / SUMMARY
        self.log, self.metrics, self.timing = path / LOG, path / METRICS, path / TIMING
        self.status = path / STATUS

    def create(self) -> None:
        """Make the folder, or empty the one that is replaced, or tidy the one whose run goes on.

        A replaced folder itself stays, for it may be a mounted volume or the working directory. It
        is locked until `close`, or until the process ends.

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
        if self.is_locked and not self.lock.take(self.path):
            raise FileExistsError
        if self.replaces:
            _empty(self.path)
        elif self.resumes:
            atomic.remove_leftovers(self.path)
        elif any(item.name != LOCK for item in self.path.iterdir()):
            self.close()
            raise FileExistsError
        if self.has_figures:
            self.figures.mkdir(exist_ok=self.resumes)  # only one of two runs can, without locks

    def take(self) -> None:
        """Lock a run that is to go on; a `UserError` where another process is at work there."""
        if not self.lock.take(self.path):
            raise user_error("the run still goes on in another process", where=str(self.path))

    def close(self) -> None:
        """Let others work in the folder."""
        self.lock.close()

    @property
    def how_to_go_on(self) -> str:
        """What to say of a run that has ended early."""
        return f"to go on: hdf run --resume {self.path}"

    def set_status(self, status: str, **details: Any) -> None:
        """Write ``status.json``: ``running``, ``finished``, ``failed`` or ``interrupted``."""
        now = datetime.now().astimezone().isoformat(timespec="seconds")
        write_json(self.status, {"status": status, "since": now, **details})

    def write_recipe(self, checked: CheckedRecipe) -> None:
        """Write the recipe as its author did, and with every default filled in."""
        write_text(self.path / RECIPE, checked.source.text)
        write_text(self.path / RESOLVED, checked.resolved_yaml())

    def add_metrics(self, metrics: Mapping[str, Any], timing: Mapping[str, Any]) -> None:
        """One line for one epoch: what the seed determines, and what the clock says."""
        atomic.append_json_line(self.metrics, metrics)
        atomic.append_json_line(self.timing, timing)


class AssessmentFolder(RunFolder):
    """The folder of an evaluation."""

    has_figures = is_locked = False


def choose_folder(
    name: str, out: Path | None, overwrite: bool, root: str = "runs", resumable: bool = False
) -> RunFolder:
    """The folder that a run may write to; nothing is made or removed yet.

    Args:
        name: the recipe's name, for ``runs/NAME/TIME``.
        out: exactly this folder instead.
        overwrite: whether a run that is there may be replaced.
        resumable: whether to say that a run that is there can go on.

    Raises:
        UserError: the folder holds a run, or something else, or can't be made or written into.
    """
    if out is None:
        path = Path(root) / name / f"{datetime.now():%Y-%m-%dT%H-%M-%S}"
        refuse_unwritable(path)
        return RunFolder(path, numbered=True)
    refuse_unwritable(out)
    if out.exists() and not out.is_dir():
        raise user_error("is a file; --out names a folder", where=str(out))
    folder = RunFolder(out, replaces=overwrite)
    if not out.exists() or not any(out.iterdir()):
        return folder
    status = state_of(out)
    # What `RunFolder.create` makes before the status, left by a run that was killed at once.
    names = {str(item.relative_to(out)) for item in [*out.iterdir(), *out.glob(f"{FIGURES}/*")]}
    if not status and not (overwrite and names <= {FIGURES, LOCK}):
        message = "holds other files; give --out a new or an empty folder"
        raise user_error(message, where=str(out))
    if not overwrite:
        message = f"holds a run ({status}); give another folder, or --overwrite to replace it"
        if resumable and status != "finished":
            message += f"; hdf run --resume {out} goes on with it"
        raise user_error(message, where=str(out))
    return folder


def choose_assessment_folder(model: str, out: Path | None, overwrite: bool) -> AssessmentFolder:
    """The folder that ``hdf evaluate`` may write to; nothing is made or removed yet.

    Args and errors are those of `choose_folder`, but `model` is as the command line names it, for
    ``evaluations/NAME/TIME``.
    """
    path = Path(model)
    name = path.resolve().name if path.is_dir() else path.stem
    folder = path if path.is_dir() else path.parent
    if folder.parent.parent.name == "runs":  # runs/NAME/TIME, of a recipe of that name
        name = folder.parent.name
    chosen = choose_folder(name, out, overwrite, root="evaluations")
    return AssessmentFolder(chosen.path, replaces=chosen.replaces, numbered=chosen.numbered)


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
        status = json.loads((folder / STATUS).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return status if isinstance(status, dict) else {}


def state_of(folder: Path) -> str:
    """The status of a run: as ``status.json`` says, or ``killed``; nothing where there is none.

    Killed is one that should be running, but whose lock nobody holds.
    """
    status = str(status_of(folder).get("status", ""))
    return "killed" if status == "running" and is_held(folder) is False else status


def _empty(folder: Path) -> None:
    """Delete what is in a run's folder but for its lock; to the end its status says whose it is."""
    for item in sorted(folder.iterdir(), key=lambda item: item.name == STATUS):
        if item.is_dir() and not item.is_symlink():
            shutil.rmtree(item)
        elif item.name != LOCK:
            item.unlink()


def write_split(path: Path, samples: Sequence[Sample], split: Split) -> None:
    """One row a sample: ``image,group,source,split``."""
    pairs = zip(samples, split.sides(len(samples)), strict=True)
    rows = [(sample.id, sample.group, sample.source, side) for sample, side in pairs]
    write_table(path, ("image", "group", "source", "split"), rows)
