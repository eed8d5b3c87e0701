"""Folders of decoded images and masks: made, chosen by what reads the images, and pruned."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hdf.data.flat_file import FlatFile
from hdf.data.masks import MaskLine
from hdf.data.store import ImageLine, packed_size
from hdf.errors import user_error
from hdf.files.atomic import cache_folder, write_json, write_text
from hdf.recipe.check import Part
from hdf.recipe.schema import Data
from hdf.registry.discovery import DISTRIBUTION, own_files
from hdf.types import Geometry, Sample

VERSION = 3
"""Of the files' layout, and of how pixels are made (`tests/data/test_version.py`): to be raised."""
FLAG = "CONTAINS_IMAGES.txt"
WARNING = """This folder holds copies of radiographs, reduced in size. Treat it as you treat the
radiographs themselves. It may be deleted: hdf makes it anew from the original files.
"""
DAYS = 30
"""A store that was not opened for so long is out of date."""
_NAME = re.compile(r"\.?[0-9a-f]{24}")


def _is_own(name: str) -> bool:
    """Whether a store that is being made, or whose making was killed, may hold this file."""
    return name in (FLAG, "header.json") or name.startswith((f".{FLAG}.", ".header.json."))


class StoreFolder:
    """Decoded images on disk, and masks beside them.

    Args:
        settings: what images and masks depend on, apart from their files.

    Raises:
        UserError: the folder holds something else, or was made with other settings.
    """

    def __init__(self, path: Path, size: tuple[int, int], settings: Mapping[str, Any]) -> None:
        self.path, self.size = path, size
        images, masks = path / "images.u8", path / "masks.bits"
        self.pixels = FlatFile(images, path / "journal.jsonl", size[0] * size[1], _image_line)
        self.masks = FlatFile(masks, path / "masks.jsonl", packed_size(size), _mask_line)
        header = {"version": VERSION, "image_size": list(size), **settings}
        try:
            self._open(json.loads(json.dumps(header)))
        except OSError as error:
            raise user_error(f"can't be used as a store: {error.strerror}", str(path)) from error

    def _open(self, header: dict[str, Any]) -> None:
        file = self.path / "header.json"
        if file.exists():
            self._refuse_other(file, header)
            with suppress(OSError):  # a store that can only be read serves as well
                os.utime(file)  # when it was last used
            return
        if self.path.exists() and any(not _is_own(item.name) for item in self.path.iterdir()):
            message = "the folder is no store and is not empty; choose another for data.store"
            raise user_error(message, str(self.path))
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_text(self.path / FLAG, WARNING)
        write_json(file, header)

    def _refuse_other(self, file: Path, header: dict[str, Any]) -> None:
        try:
            found = json.loads(file.read_bytes())
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise user_error("the store's header is damaged; delete the folder", str(file))
        keys = [key for key in header if found.get(key) != header[key]]
        if keys:
            message = f"the store was made with another {', '.join(keys)}; choose another folder"
            raise user_error(f"{message} for data.store, or delete this one", str(file))

    @property
    def nbytes(self) -> int:
        """The size of images and masks on disk, in bytes."""
        files = (self.pixels.path, self.masks.path)
        return sum(file.stat().st_size for file in files if file.exists())


def _image_line(found: dict[str, Any]) -> ImageLine:
    geometry = found.pop("geometry")
    tuples: dict[str, Any] = {key: value and tuple(value) for key, value in geometry.items()}
    return ImageLine(**found, geometry=Geometry(**tuples))


def _mask_line(found: dict[str, Any]) -> MaskLine:
    return MaskLine(**{**found, "keys": tuple(found["keys"])})


def choose_folder(data: Data, samples: Sequence[Sample], loader: Part) -> StoreFolder | None:
    """The folder that ``data.store`` asks for; None for memory.

    Raises:
        UserError: the folder can't be used.
    """
    no_file = any(not sample.files and not sample.faults for sample in samples)
    if data.store == "memory" or (data.store == "auto" and no_file):
        return None
    how = _hash({"loader": loader.resolved(), "code": code_of(loader)})
    depends = {"loader": how, "resize": data.resize}
    if data.store != "auto":
        return StoreFolder(Path(data.store), data.image_size, depends)
    name = _hash({**depends, "image_size": data.image_size, "version": VERSION})
    return StoreFolder(stores_folder() / name, data.image_size, depends)


def code_of(part: Part) -> str:
    """A hash of the loader's code, for a changed plugin may read the same files differently.

    For hdf's own loaders the store's version stands, as for all else that reads images.
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
        outdated: why nothing is lost by removing it; empty where something may be.
    """

    path: Path
    nbytes: int
    outdated: str


def stores_folder() -> Path:
    """Where ``data.store: auto`` keeps stores, each in a folder of its own."""
    return cache_folder() / "stores"


def cached_stores() -> list[CachedStore]:
    """All stores in the cache folder, by the names that hdf gives; raises OSErrors."""
    there = (path for path in stores_folder().glob("*") if _NAME.fullmatch(path.name))
    return [_look(path) for path in sorted(there) if path.is_dir() and not path.is_symlink()]


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
    """Remove the stores that are out of date; raises OSErrors.

    Returns:
        Those that were removed, and those that stay.
    """
    stores = cached_stores()
    removed = [store for store in stores if store.outdated]
    for store in removed:
        hidden = store.path.with_name(f".{store.path.name.lstrip('.')}")
        shutil.rmtree(store.path.rename(hidden))  # a store is whole, or not there
    return removed, [store for store in stores if not store.outdated]
