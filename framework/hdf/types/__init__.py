"""The values that flow through hdf, and what a plugin's components offer.

Boxes are ``(x0, y0, x1, y1)`` float32 on **pixel edges**: a box that covers the columns 40..119 has
x0 = 40 and x1 = 120, so its width is x1 - x0. What holds tensors is imported when it is first used,
so that a loader's samples can be described without torch. Nothing of hdf is imported here.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hdf.types.contract import (
        Augmentation,
        Backbone,
        ExportableHead,
        FittedHead,
        Head,
        Loader,
        MaskHead,
        Module,
        NormalizedBackbone,
        RunFacts,
        RunFiles,
        StagedBackbone,
        Visualizer,
    )
    from hdf.types.samples import Fault, ImageFacts, Sample, Target, kind_of
    from hdf.types.tensors import Batch, Detections, Geometry, Targets, pad_targets

__all__ = [
    "Augmentation",
    "Backbone",
    "Batch",
    "Detections",
    "ExportableHead",
    "Fault",
    "FittedHead",
    "Geometry",
    "Head",
    "ImageFacts",
    "Loader",
    "MaskHead",
    "Module",
    "NormalizedBackbone",
    "RunFacts",
    "RunFiles",
    "Sample",
    "StagedBackbone",
    "Target",
    "Targets",
    "Visualizer",
    "kind_of",
    "pad_targets",
]

_HOMES = ("samples", "contract", "tensors")
"""The last imports torch."""


def __getattr__(name: str) -> Any:
    for home in _HOMES if name in __all__ else ():
        found = import_module(f"hdf.types.{home}")
        if name in vars(found):
            return getattr(found, name)
    raise AttributeError(f"module 'hdf.types' has no attribute {name!r}")
