"""Files that are whole or not there, locks, tensors, and names that give no patient away.

What is exported here is for plugins as well. What a file means to a reader belongs to that reader.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from hdf.files.atomic import decimal, is_file, read_text, replacing

if TYPE_CHECKING:
    from hdf.files.pseudonyms import group_of
    from hdf.files.tensors import misfits

__all__ = ["decimal", "group_of", "is_file", "misfits", "read_text", "replacing"]
_HOMES = {"group_of": "pseudonyms", "misfits": "tensors"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'hdf.files' has no attribute {name!r}")
    return getattr(import_module(f"hdf.files.{_HOMES[name]}"), name)
