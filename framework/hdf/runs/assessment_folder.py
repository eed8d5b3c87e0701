"""The folder of an assessment: a run folder without pictures and checkpoints."""

from __future__ import annotations

from pathlib import Path

from hdf.runs.run_folder import RunFolder, choose_folder, empty, free_path


class AssessmentFolder(RunFolder):
    """As `RunFolder`; nothing but files is made."""

    def _make(self) -> None:
        if self.numbered:
            self._name_files(free_path(self.path))
        self.path.mkdir(parents=True, exist_ok=True)
        if self.replaces:
            empty(self.path)


def choose_assessment_folder(model: str, out: Path | None, overwrite: bool) -> AssessmentFolder:
    """The folder that ``hdf evaluate`` may write to; nothing is made or removed yet.

    Args:
        model: as the command line names it, for ``evaluations/NAME/TIME``.
        out: exactly this folder instead.
        overwrite: whether what is there may be replaced.

    Raises:
        UserError: as `hdf.runs.run_folder.choose_folder`.
    """
    chosen = choose_folder(_name(Path(model)), out, overwrite, root="evaluations")
    return AssessmentFolder(chosen.path, replaces=chosen.replaces, numbered=chosen.numbered)


def _name(model: Path) -> str:
    """A model's name; that of the recipe for ``runs/NAME/TIME`` and what is in it."""
    folder = model if model.is_dir() else model.parent
    if folder.parent.parent.name == "runs":
        return folder.parent.name
    return model.resolve().name if model.is_dir() else model.stem
