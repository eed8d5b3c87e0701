"""The folder of a cross-validation: an ordinary run for each fold, and all of them together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hdf.errors import Problem, UserError
from hdf.files.atomic import refuse_unwritable, write_text
from hdf.recipe.check import CheckedRecipe, differences_from, same_recipe
from hdf.runs.run_folder import (
    RECIPE,
    RESOLVED,
    RunFolder,
    choose_folder,
    empty,
    free_path,
    status_of,
)


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
        super().__init__(path, replaces=replaces, resumes=resumes)
        self.folds = folds
        self.created = False

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
        write_text(self.path / RECIPE, self.folds[0].source.text)
        write_text(self.path / RESOLVED, self.folds[0].resolved_yaml())

    def _make(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        self._take_lock()
        if self.replaces:
            empty(self.path, keep="lock")
        elif not self.resumes and any(item.name != "lock" for item in self.path.iterdir()):
            self.close()
            raise FileExistsError

    def set_status(self, status: str, **details: Any) -> None:
        """As a run's, with the number of ``folds``."""
        super().set_status(status, folds=len(self.folds), **details)


class FoldFolder(RunFolder):
    """The run folder of one fold; the cross-validation's own is made just before the first.

    An unfinished run of the fold goes on where it has a checkpoint of the same recipe, and gives
    way otherwise.

    Raises:
        UserError: there is something that is no run.
    """

    gives_way = True

    def __init__(self, above: CrossvalFolder, number: int) -> None:
        path = above.fold(number)
        if not above.replaces:
            choose_folder("", path, overwrite=True)  # refuses what is no run
        resumes = not above.replaces and same_recipe(path, above.folds[number])
        super().__init__(path, replaces=not resumes, resumes=resumes)
        self.above = above

    def create(self) -> None:
        """As `RunFolder.create`."""
        self.above.create()
        super().create()

    @property
    def how_to_go_on(self) -> str:
        """Nothing: the cross-validation says it."""
        return ""


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
        UserError: the folder holds another recipe's cross-validation, a run, or something else, or
            can't be made or written into.
    """
    name = f"{folds[0].recipe.name}-crossval"
    if out is None:
        return CrossvalFolder(free_path(choose_folder(name, None, overwrite).path), folds)
    if "folds" not in status_of(out):
        return CrossvalFolder(out, folds, replaces=choose_folder(name, out, overwrite).replaces)
    refuse_unwritable(out)
    if not overwrite:
        _refuse_another_recipe(out, folds[0])
    return CrossvalFolder(out, folds, replaces=overwrite, resumes=not overwrite)


def _refuse_another_recipe(out: Path, checked: CheckedRecipe) -> None:
    found = differences_from(out, checked)
    if found:
        advice = "give another folder, or --overwrite to start again"
        message = f"holds the cross-validation of another recipe; {advice}"
        raise UserError([Problem(str(out), message), *found])
