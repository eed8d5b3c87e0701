"""hdf finds the heart in frontal chest radiographs, and is a detection framework to extend.

Names are imported when they are first used, so that ``import hdf`` in a plugin's registration
module costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hdf.errors import UserError
    from hdf.hookspecs import hookimpl
    from hdf.images import read_image
    from hdf.types import Batch, Detections, Fault, Geometry, Loader, Sample, Target, Targets
    from hdf.visualize.view import View

__version__ = "0.1.0"

_HOMES = {
    "Batch": "hdf.types",
    "Detections": "hdf.types",
    "Fault": "hdf.types",
    "Geometry": "hdf.types",
    "Loader": "hdf.types",
    "Sample": "hdf.types",
    "Target": "hdf.types",
    "Targets": "hdf.types",
    "UserError": "hdf.errors",
    "View": "hdf.visualize.view",
    "hookimpl": "hdf.hookspecs",
    "read_image": "hdf.images",
}

__all__ = [
    "Batch",
    "Detections",
    "Fault",
    "Geometry",
    "Loader",
    "Sample",
    "Target",
    "Targets",
    "UserError",
    "View",
    "__version__",
    "hookimpl",
    "read_image",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'hdf' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
