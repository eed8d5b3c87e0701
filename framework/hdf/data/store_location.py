"""Where decoded images are kept, and which of hdf's own folders are out of date."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hdf.files.atomic import cache_folder
from hdf.recipe.check import Part
from hdf.recipe.schema import Data
from hdf.registry.discovery import DISTRIBUTION, own_files
from hdf.types import Sample

if TYPE_CHECKING:
    from hdf.data.folder import StoreFolder


DAYS = 30
"""A store that was not opened for so long is out of date."""
_NAME = re.compile(r"\.?[0-9a-f]{24}")


def choose_folder(
    data: Data, samples: Sequence[Sample], loader: Mapping[str, Any]
) -> StoreFolder | None:
    """The folder that ``data.store`` asks for; None for memory.

    Args:
        loader: all that decides how the loader reads an image.

    Raises:
        UserError: the folder can't be used.
    """
    no_file = any(not sample.files and not sample.faults for sample in samples)
    if data.store == "memory" or (data.store == "auto" and no_file):
        return None
    from hdf.data.folder import VERSION, StoreFolder  # not above: images in memory need no folder

    depends = {"loader": _hash(loader), "resize": data.resize}
    if data.store != "auto":
        return StoreFolder(Path(data.store), data.image_size, depends)
    name = _hash({**depends, "image_size": data.image_size, "version": VERSION})
    return StoreFolder(stores_folder() / name, data.image_size, depends)


def code_of(part: Part) -> str:
    """A hash of the loader's own code: a changed plugin may read the same files differently.

    hdf's own loaders are released with the rest of what reads images, for all of which the
    store's version stands.
    """
    plugin = part.component.plugin
    code: list[Any] = []
    if plugin.distribution != DISTRIBUTION:
        files = own_files(getattr(part.component.load(), "__module__", None) or "")
        code = [plugin.version, *(hashlib.sha256(file.read_bytes()).hexdigest() for file in files)]
    inner: list[str] = []
    part.with_nested(lambda held: inner.append(code_of(held)))
    return _hash([*code, *inner])


def _hash(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


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
    from hdf.data.folder import VERSION

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
