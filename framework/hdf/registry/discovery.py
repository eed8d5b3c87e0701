"""Where plugins come from: installed entry points, and folders of single files; their import."""

from __future__ import annotations

import gc
import importlib.util
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from hdf.errors import user_error

GROUP = "hdf"
DISTRIBUTION = "heart-detection-framework"
FOLDER_MODULE = "hdf_plugins_dir_"


class Source(NamedTuple):
    """A plugin that has not been loaded yet."""

    name: str
    distribution: str
    version: str
    load: Callable[[], object]


def installed_sources() -> list[Source]:
    """The entry points of the group ``hdf``, sorted by distribution and name."""
    found = []
    for entry in entry_points(group=GROUP):
        distribution = entry.dist.name if entry.dist else "unknown"
        version = entry.dist.version if entry.dist else ""
        found.append(Source(entry.name, distribution, version, entry.load))
    return sorted(found, key=lambda source: (source.distribution, source.name))


def folder_sources(folder: Path | None) -> list[Source]:
    """The ``*.py`` files of a folder, each a plugin of its own.

    Raises:
        UserError: the folder does not exist.
    """
    if folder is None:
        return []
    if not folder.is_dir():
        raise user_error("the plugins folder does not exist", where=str(folder))
    return [
        Source(path.stem, path.name, "", partial(_load_file, path))
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
    """Look for no garbage meanwhile, as imports make a million objects that stay.

    To go through them again and again is a sixth of what importing torch takes.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
