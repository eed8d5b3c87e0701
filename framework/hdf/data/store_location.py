"""Where the decoded images of a recipe are kept."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hdf.data.cached_stores import stores_folder
from hdf.data.folder import VERSION, StoreFolder
from hdf.recipe.check import Part
from hdf.recipe.schema import Data
from hdf.registry.discovery import DISTRIBUTION
from hdf.registry.own_code import own_files
from hdf.types import Sample


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
