"""The folder of a cross-validation: an ordinary run for each fold, and all of them together."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO, Any

from hdf.errors import Problem, UserError, user_error
from hdf.files import write_text
from hdf.recipe.check import CheckedRecipe
from hdf.recipe.differences import differences
from hdf.recipe.load import parse, read_text
from hdf.reporting.run_folder import RunFolder, choose_folder, empty, free_path, status_of


class CrossvalFolder(RunFolder):
    """Names the files of a cross-validation.

    Args:
        path: the folder.
        folds: the recipe of each fold, the first of which stands for all.
        replaces: whether what is there gives way.
        resumes: whether the folder holds a part of this cross-validation already.
    """

    def __init__(
        self,
        path: Path,
        folds: list[CheckedRecipe],
        *,
        replaces: bool = False,
        resumes: bool = False,
    ) -> None:
        super().__init__(path, replaces=replaces)
        self.folds, self.resumes = folds, resumes
        self.created = False
        self._lock: IO[str] | None = None

    def fold(self, number: int) -> Path:
        """The run folder of a fold, counted from 0."""
        return self.path / f"fold-{number}"

    def create(self) -> None:
        """Make the folder, unless that has been done.

        Raises:
            UserError: it can't be made, or another process is at work there.
        """
        if self.created:
            return
        super().create()
        self.created = True
        write_text(self.path / "recipe.yaml", self.folds[0].source.text)
        write_text(self.path / "resolved.yaml", self.folds[0].resolved_yaml())

    def _make(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        self._take_lock()
        if self.replaces:
            empty(self.path, keep="lock")
        elif not self.resumes and any(item.name != "lock" for item in self.path.iterdir()):
            self.close()
            raise FileExistsError

    def _take_lock(self) -> None:
        """Raises FileExistsError where another process holds it."""
        self._lock = (self.path / "lock").open("w")
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self.close()
            raise FileExistsError from error

    def close(self) -> None:
        """Let others work in the folder."""
        if self._lock is not None:
            self._lock.close()

    def set_status(self, status: str, **details: Any) -> None:
        """As a run's, with the number of ``folds``."""
        super().set_status(status, folds=len(self.folds), **details)


class FoldFolder(RunFolder):
    """The run folder of one fold; the cross-validation's own is made just before the first.

    Raises:
        UserError: there is something that is no run.
    """

    def __init__(self, above: CrossvalFolder, number: int) -> None:
        path = above.fold(number)
        if not above.replaces:
            choose_folder("", path, overwrite=True)  # refuses what is no run
        super().__init__(path, replaces=True)
        self.above = above

    def create(self) -> None:
        """As `RunFolder.create`; an unfinished run of the fold gives way."""
        self.above.create()
        super().create()


def choose_crossval_folder(
    folds: list[CheckedRecipe], out: Path | None, overwrite: bool
) -> CrossvalFolder:
    """The folder that a cross-validation may write to; nothing is made or removed yet.

    Args:
        folds: the recipe of each fold.
        out: exactly this folder, new or with a part of the same cross-validation, instead of
            ``runs/NAME-crossval/TIME``.
        overwrite: whether what is there may be replaced.

    Raises:
        UserError: the folder holds another recipe's cross-validation, a run, or something else.
    """
    name = f"{folds[0].recipe.name}-crossval"
    if out is None:
        return CrossvalFolder(free_path(choose_folder(name, None, overwrite).path), folds)
    if "folds" not in status_of(out):
        return CrossvalFolder(out, folds, replaces=choose_folder(name, out, overwrite).replaces)
    if not overwrite:
        _refuse_another_recipe(out, folds[0])
    return CrossvalFolder(out, folds, replaces=overwrite, resumes=not overwrite)


def same_recipe(folder: Path, checked: CheckedRecipe) -> bool:
    """Whether the run in `folder` was made with exactly this recipe."""
    try:
        return not list(differences([_recipe_in(folder), _plain(checked)]))
    except UserError:
        return False


def _refuse_another_recipe(out: Path, checked: CheckedRecipe) -> None:
    found = list(differences([_recipe_in(out), _plain(checked)]))
    if found:
        advice = "give another folder, or --overwrite to start again"
        raise UserError(
            [
                Problem(str(out), "holds the cross-validation of another recipe; " + advice),
                *(Problem(key, f"{old} there, {new} here") for key, (old, new) in found),
            ]
        )


def _recipe_in(folder: Path) -> Any:
    path = folder / "resolved.yaml"
    if not path.is_file():
        raise user_error("is missing; give another folder, or --overwrite", str(path))
    return parse(read_text(path), str(path)).plain()


def _plain(checked: CheckedRecipe) -> Any:
    return parse(checked.resolved_yaml(), "recipe").plain()
