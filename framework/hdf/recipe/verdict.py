"""What a check found to be in order, so that it takes less to check the same once more.

To build a recipe's components imports torch, which takes seconds. A verdict is kept below the cache
folder, and holds while all that it was founded on is as it was (docs/decisions/0032). Only that a
recipe is in order is kept: mistakes are always found anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.machinery import all_suffixes
from pathlib import Path
from typing import Any

from hdf import __version__
from hdf.errors import UserError
from hdf.files.atomic import cache_folder, read_text, write_text
from hdf.recipe.check import CheckedRecipe
from hdf.registry.discovery import FOLDER_MODULE
from hdf.registry.registry import Component

KEPT = 32
LARGEST_FILE = 4_000_000
VARIABLES = ("HDF_", "PYTHON", "TORCH", "PYTORCH", "CUDA", "MPL")
"""How those environment variables begin on which building may depend."""
READS = ("open", "os.listdir", "os.scandir")
"""Events of Python (PEP 578) that tell of files and folders."""

_opened: list[str] | None = None
_hooked = False


class Verdict:
    """Whether a recipe, whose components need not be imported, is known to be in order."""

    def __init__(self, checked: CheckedRecipe) -> None:
        self._began = time.time_ns()
        options = (value for _, value in checked.option_values())  # any text may name a file
        self._named = sorted({os.fspath(item) for item in options if isinstance(item, str | Path)})
        self._path = cache_folder() / "checks" / f"{_key(checked)}.json"

    def stands(self) -> bool:
        """Whether it was found to be in order, and nothing has changed since."""
        try:
            kept = json.loads(read_text(self._path, LARGEST_FILE))
            return bool(kept["state"] == _digest(_states(kept["files"])))
        except (UserError, OSError, ValueError, TypeError, KeyError):
            return False

    def keep(self) -> None:
        """Remember that it is in order, once all of it is built; a cache that fails is none."""
        modules = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
        files = [*(file for file in modules if isinstance(file, str)), *sys.path, *self._named]
        states = _states(files)
        if any(state and state[0] >= self._began for state in states):
            return  # changed meanwhile: what was imported may be older
        with suppress(UserError, OSError, ValueError):
            write_text(self._path, json.dumps({"state": _digest(states), "files": files}))
            kept = self._path.parent.glob("*.json")
            for path in sorted(kept, key=lambda path: path.stat().st_mtime)[:-KEPT]:
                path.unlink()


@contextmanager
def watched() -> Iterator[list[str]]:
    """The files opened and folders listed within, except by imports: they may change later."""
    global _opened, _hooked
    if not _hooked:
        sys.addaudithook(_note)
        _hooked = True
    opened: list[str] = []
    _opened = opened
    try:
        yield opened
    finally:
        _opened = None


def _note(event: str, arguments: tuple[Any, ...]) -> None:
    if _opened is None or event not in READS or isinstance(arguments[0], int):
        return
    path = os.fsdecode(arguments[0] or ".")
    if not path.endswith(tuple(all_suffixes())) and path not in sys.path_importer_cache:
        _opened.append(path)


def _key(checked: CheckedRecipe) -> str:
    """Of all but files: the recipe, the components, and where and how Python runs."""
    parts = [(_home(part.component), part.component.provider) for part in checked.all_parts()]
    variables = {name: os.environ[name] for name in os.environ if name.startswith(VARIABLES)}
    python = [sys.version, sys.executable, sys.path, os.fspath(Path.cwd())]
    modules = [module for name, module in sys.modules.items() if name.startswith(FOLDER_MODULE)]
    folder = sorted(str(module.__file__) for module in modules)
    return _digest([__version__, checked.resolved(), parts, folder, variables, python])[:24]


def _home(component: Component) -> str:
    target = component.target  # a text until it is imported
    return target if isinstance(target, str) else f"{target.__module__}:{target.__qualname__}"


def _states(files: list[str]) -> list[tuple[int, int] | None]:
    """When each file or folder was changed, in ns, and its size; None where there is none."""
    found: list[tuple[int, int] | None] = []
    for file in files:
        try:
            stat = os.stat(file or ".")  # noqa: PTH116  # thousands of them
            found.append((stat.st_mtime_ns, stat.st_size))
        except (OSError, ValueError):
            found.append(None)
    return found


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()
