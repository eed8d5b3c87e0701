"""A component's own code: its module, and what that imports of the same package or folder."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec, resolve_name
from pathlib import Path

from hdf.registry.discovery import FOLDER_MODULE


def own_files(module: str) -> list[Path]:
    """The source of a module that has been imported, and of those of its own that it imports.

    Imports count wherever they stand in the text, and so do those of what is imported. A module's
    own are those below the same top-level package; for a file of a plugins folder, those beside it.
    What is imported by a name that the program makes up is not found.
    """
    first = _file(module)
    found: dict[str, Path] = {}
    waiting = [module] if first else []
    while waiting:
        name = waiting.pop()
        file = None if name in found or not _is_own(name, module, first) else _file(name)
        if file is not None:
            found[name] = file
            with suppress(SyntaxError, ValueError, ImportError):  # whoever imports it is told
                waiting += _imported(name, file)
    return sorted(set(found.values()))


def _is_own(name: str, module: str, first: Path | None) -> bool:
    root = name.partition(".")[0]
    if not module.startswith(FOLDER_MODULE) or root == module:
        return root == module.partition(".")[0]
    top = _file(root)  # found without an import, as it is below nothing
    return top is not None and first is not None and first.parent in list(top.parents)[:2]


def _file(name: str) -> Path | None:
    try:
        module = sys.modules.get(name)
        spec = module.__spec__ if module else find_spec(name)
    except Exception:  # a package above it is imported, and may raise anything
        return None
    return Path(spec.origin) if spec and spec.origin and spec.origin.endswith(".py") else None


def _imported(name: str, file: Path) -> Iterator[str]:
    """The names of what may be modules; others than modules have no file."""
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = resolve_name("." * node.level + (node.module or ""), package)
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)
