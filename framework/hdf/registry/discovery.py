"""Where plugins come from, and which files a component's code is made of."""

from __future__ import annotations

import ast
import gc
import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from importlib.metadata import entry_points
from importlib.util import find_spec, resolve_name
from pathlib import Path
from types import ModuleType

from hdf.errors import user_error
from hdf.hookspecs import API

GROUP = "hdf"
DISTRIBUTION = "heart-detection-framework"
FOLDER_MODULE = "hdf_plugins_dir_"


@dataclass(slots=True)
class Plugin:
    """One entry point, or one file of a plugins folder."""

    name: str
    distribution: str
    version: str
    load: Callable[[], object]  # gives its module
    api: str = API  # the version of the plugin interface that its module states
    error: str = ""  # why it could not be loaded, one line; empty if it could
    traceback: str = ""  # the whole story


def installed_plugins() -> list[Plugin]:
    """The entry points of the group ``hdf``, sorted by distribution and name."""
    found = []
    for entry in entry_points(group=GROUP):
        distribution = entry.dist.name if entry.dist else "unknown"
        version = entry.dist.version if entry.dist else ""
        found.append(Plugin(entry.name, distribution, version, entry.load))
    return sorted(found, key=lambda plugin: (plugin.distribution, plugin.name))


def plugins_in(folder: Path) -> list[Plugin]:
    """The ``*.py`` files of a folder, which must exist, each a plugin of its own."""
    if not folder.is_dir():
        raise user_error("the plugins folder does not exist", where=str(folder))
    return [
        Plugin(path.stem, path.name, "", partial(_load_file, path))
        for path in sorted(folder.glob("*.py"))
    ]


def _load_file(path: Path) -> ModuleType:
    name = f"{FOLDER_MODULE}{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


@contextmanager
def uncollected() -> Iterator[None]:
    """Without garbage collection, which is a sixth of the time that importing torch takes."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def own_files(module: str) -> list[Path]:
    """The source files of an imported module, and of its own modules that their text imports.

    A module's own are those below the same top-level package; for a file of a plugins folder, those
    beside it. What is imported by a name that the program makes up is not found.
    """
    first = _file(module)
    found: dict[str, Path | None] = {}
    waiting = [module] if first else []
    while waiting:
        name = waiting.pop()
        if name in found or not _is_own(name, module, first):
            continue
        found[name] = file = _file(name)
        with suppress(SyntaxError, ValueError, ImportError):  # whoever imports it is told
            waiting += _imported(name, file) if file else []
    return sorted({file for file in found.values() if file})


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
