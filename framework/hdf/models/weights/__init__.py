"""The shipped models, and the files of models by name."""

from __future__ import annotations

from pathlib import Path

from hdf.errors import suggest, user_error

HERE = Path(__file__).parent
DEFAULT = "heart-lungs"


def shipped_models() -> list[str]:
    """The names of the models inside the package, sorted."""
    return sorted(path.stem for path in HERE.glob("*.safetensors"))


def find_models(name: str) -> list[Path]:
    """The model files of a name.

    Args:
        name: of a shipped model, which has precedence (``./NAME`` is a path); a model file; the
            folder of a run, for its ``best.safetensors``; or the folder of a cross-validation, for
            those of all folds.

    Returns:
        One file, or several that form an ensemble.

    Raises:
        UserError: there is no such model; the message lists the shipped ones.
    """
    if name in shipped_models():
        return [HERE / f"{name}.safetensors"]
    path = Path(name)
    if path.is_dir():
        return _in_folder(path)
    if path.is_file():
        return [path]
    message = "no shipped model has this name, and there is no such file or folder"
    raise user_error(message + suggest(name, shipped_models()), where=name)


def _in_folder(folder: Path) -> list[Path]:
    folds = sorted(folder.glob("fold-*"), key=lambda fold: (len(fold.name), fold.name))
    found = [run / "best.safetensors" for run in folds or [folder]]
    missing = [str(path) for path in found if not path.is_file()]
    if missing:
        message = "contains neither best.safetensors nor the folds of a cross-validation"
        if folds:
            message = f"the cross-validation is not finished: {', '.join(missing)} is missing"
        raise user_error(message, where=str(folder))
    return found
