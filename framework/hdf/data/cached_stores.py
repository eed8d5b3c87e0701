"""The stores in hdf's own cache folder: how much they hold, and which have had their day."""

from __future__ import annotations

import json
import re
import shutil
import time
from dataclasses import dataclass
from pathlib import Path

from hdf.data.folder import VERSION
from hdf.files.atomic import cache_folder

DAYS = 30
"""A store that was not opened for so long is out of date."""
_NAME = re.compile(r"\.?[0-9a-f]{24}")


@dataclass(frozen=True)
class CachedStore:
    """A store that ``data.store: auto`` has made.

    Attributes:
        nbytes: what it takes on disk.
        outdated: why nothing is lost by removing it; empty where something may be.
    """

    path: Path
    nbytes: int
    outdated: str


def stores_folder() -> Path:
    """Where ``data.store: auto`` keeps stores, each in a folder of its own."""
    return cache_folder() / "stores"


def cached_stores() -> list[CachedStore]:
    """All stores in the cache folder; what has another name than hdf gives is left out.

    Raises:
        OSError: the folder can't be read.
    """
    folder = stores_folder()
    there = sorted(folder.iterdir()) if folder.is_dir() else []
    return [
        _look(path)
        for path in there
        if _NAME.fullmatch(path.name) and path.is_dir() and not path.is_symlink()
    ]


def _look(path: Path) -> CachedStore:
    states = [file.stat() for file in path.iterdir()]
    used = max((state.st_mtime for state in states), default=path.stat().st_mtime)
    outdated = _misfit(path)
    if not outdated and time.time() - used > DAYS * 86_400:
        outdated = f"not used for {DAYS} days"
    return CachedStore(path, sum(state.st_size for state in states), outdated)


def _misfit(path: Path) -> str:
    if path.name.startswith("."):
        return "left by a removal that was cut short"
    try:
        header = json.loads((path / "header.json").read_bytes())
        return "" if header["version"] == VERSION else "of another version of hdf"
    except FileNotFoundError:
        return ""  # it may be in the making
    except (OSError, ValueError, TypeError, KeyError, RecursionError):
        return "damaged"


def prune() -> tuple[list[CachedStore], list[CachedStore]]:
    """Remove the stores that are out of date.

    Returns:
        Those that were removed, and those that stay.

    Raises:
        OSError: one can't be removed.
    """
    stores = cached_stores()
    removed = [store for store in stores if store.outdated]
    for store in removed:
        hidden = store.path.with_name(f".{store.path.name.lstrip('.')}")
        shutil.rmtree(store.path.rename(hidden))  # a store is whole, or not there
    return removed, [store for store in stores if not store.outdated]
