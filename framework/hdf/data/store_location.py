"""Where the decoded images of a recipe are kept."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hdf import __version__
from hdf.data.folder import VERSION, StoreFolder
from hdf.files.atomic import cache_folder
from hdf.recipe.check import Part
from hdf.recipe.schema import Data
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
    depends = {"loader": _hash(loader), "resize": data.resize, "hdf": __version__}
    if data.store != "auto":
        return StoreFolder(Path(data.store), data.image_size, depends)
    name = _hash({**depends, "image_size": data.image_size, "version": VERSION})
    return StoreFolder(cache_folder() / "stores" / name, data.image_size, depends)


def code_of(part: Part) -> str:
    """A hash of the loader's source: a changed plugin may read the same files differently."""
    plugin = part.component.plugin
    try:
        source = Path(inspect.getfile(part.component.load())).read_bytes()
    except (OSError, TypeError):
        source = b""
    inner: list[str] = []
    part.with_nested(lambda held: inner.append(code_of(held)))
    return _hash([str(plugin.version), hashlib.sha256(source).hexdigest(), *inner])


def _hash(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:24]
