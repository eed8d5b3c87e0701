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
    from hdf.models.detector import Detector
    from hdf.types import (
        Augmentation,
        Backbone,
        Batch,
        Detections,
        Fault,
        Geometry,
        Head,
        Loader,
        RunFacts,
        Sample,
        Target,
        Targets,
        Visualizer,
    )
    from hdf.visualize.view import View

__version__ = "0.1.0"

_HOMES = {
    "Detector": "hdf.models.detector",
    "UserError": "hdf.errors",
    "View": "hdf.visualize.view",
    "hookimpl": "hdf.hookspecs",
    "read_image": "hdf.images",
}
"""Of the names that `hdf.types` does not hold."""

__all__ = [
    "Augmentation",
    "Backbone",
    "Batch",
    "Detections",
    "Detector",
    "Fault",
    "Geometry",
    "Head",
    "Loader",
    "RunFacts",
    "Sample",
    "Target",
    "Targets",
    "UserError",
    "View",
    "Visualizer",
    "__version__",
    "hookimpl",
    "read_image",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'hdf' has no attribute {name!r}")
    return getattr(import_module(_HOMES.get(name, "hdf.types")), name)
