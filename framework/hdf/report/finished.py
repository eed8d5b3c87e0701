"""Reading the folder of a finished run, cross-validation or evaluation."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hdf.errors import user_error
from hdf.evaluation.comparison import Comparison
from hdf.evaluation.tables import read_comparison
from hdf.recipe.load import dump, parse, read_text
from hdf.runs.run_folder import ENVIRONMENT, METRICS, RESOLVED, SUMMARY

KINDS = {"run": "Run", "crossval": "Cross-validation", "evaluation": "Evaluation"}


@dataclass(frozen=True)
class Finished:
    """A finished run, cross-validation or evaluation.

    Attributes:
        kind: one of `KINDS`.
        recipe: the resolved one as plain values; empty if there was none.
    """

    path: Path
    kind: str
    summary: dict[str, Any]
    comparison: Comparison
    recipe: dict[str, Any]

    @property
    def name(self) -> str:
        """The recipe's name, or the models'."""
        if self.kind == "evaluation":
            return ", ".join(dict.fromkeys(Path(model).stem for model in self.summary["models"]))
        return str(self.summary["recipe"])

    @property
    def metrics(self) -> dict[str, Any]:
        """The validation metrics."""
        return dict(self.summary["metrics"]["val"])

    @property
    def trainings(self) -> list[Path]:
        """The folders of the run, or of the runs of all folds."""
        if self.kind == "crossval":
            return [self.path / f"fold-{item['fold']}" for item in self.summary["folds"]]
        return [self.path] if self.kind == "run" else []

    def histories(self) -> list[list[dict[str, Any]]]:
        """The lines of ``metrics.jsonl`` of each training that still has them."""
        files = [folder / METRICS for folder in self.trainings]
        texts = [read_text(file) for file in files if file.is_file()]
        return [[json.loads(line) for line in text.splitlines()] for text in texts]

    def environment(self) -> dict[str, Any]:
        """``environment.json``, of the first fold if there are folds; empty if there is none."""
        path = [*self.trainings, self.path][0] / ENVIRONMENT
        return _json(path) if path.is_file() else {}


def read_finished(folder: Path) -> Finished:
    """Read a folder.

    Raises:
        UserError: nothing has finished in the folder, or it can't be read.
    """
    if not (folder / SUMMARY).is_file():
        expected = "expected the folder of a finished hdf run, hdf crossval or hdf evaluate"
        raise user_error(f"holds no summary.json; {expected}", str(folder))
    summary = _json(folder / SUMMARY)
    kind = "crossval" if "folds" in summary else "evaluation" if "models" in summary else "run"
    resolved = folder / RESOLVED
    recipe = parse(read_text(resolved), str(resolved)).plain() if resolved.is_file() else {}
    if "val" not in summary.get("metrics", {}) or not isinstance(recipe, dict):
        raise user_error("is no summary that hdf wrote", str(folder / SUMMARY))
    return Finished(folder, kind, summary, read_comparison(folder), recipe)


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise user_error(f"can't be read: {error}", str(path)) from error
    if not isinstance(value, dict):
        raise user_error("can't be read: expected a JSON object", str(path))
    return value


OF_DATA = ("data", "images", "table")
"""Keys of a recipe, and of what an evaluation says of itself."""
_FILE = re.compile(r"\.[A-Za-z][A-Za-z0-9]*$")


def shown_recipe(recipe: Mapping[str, Any]) -> str:
    """A recipe as YAML that may be passed on: folders before a file's name may name a person."""
    return dump(bare(recipe), width=78) if recipe else ""


def bare(value: Any, of_data: bool = False) -> Any:
    """Plain values with paths cut as by `bare_path`; those of images are below `OF_DATA`."""
    if isinstance(value, Mapping):
        return {key: bare(item, of_data or key in OF_DATA) for key, item in value.items()}
    if isinstance(value, list):
        return [bare(item, of_data) for item in value]
    return bare_path(value, of_data) if isinstance(value, str) else value


def bare_path(text: str, of_data: bool) -> str:
    """A path's last name; nothing of a folder of data, which may be a patient's."""
    *folders, name = re.split(r"[/\\]", text)
    if not folders:
        return text
    return f"…/{name}" if _FILE.search(name) or not of_data else "…/"
