"""The values that flow through hdf, and what a plugin's components offer.

Boxes are ``(x0, y0, x1, y1)`` float32 on **pixel edges**: a box that covers the columns 40..119 has
x0 = 40 and x1 = 120, so its width is x1 - x0. What holds tensors is imported when it is first used,
so that a loader's samples can be described without torch. Nothing of hdf is imported here.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hdf.types.components import (
        Augmentation,
        Backbone,
        ExportableHead,
        FittedHead,
        Head,
        Loader,
        MaskHead,
        Module,
        NormalizedBackbone,
        StagedBackbone,
        Visualizer,
    )
    from hdf.types.detections import Detections, Geometry
    from hdf.types.run_facts import RunFacts, RunFiles
    from hdf.types.samples import Fault, ImageFacts, Sample, Target, kind_of
    from hdf.types.targets import Batch, Targets, pad_targets

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

_HOMES = {
    "samples": ("Fault", "ImageFacts", "Sample", "Target", "kind_of"),
    "targets": ("Batch", "Targets", "pad_targets"),
    "detections": ("Detections", "Geometry"),
    "run_facts": ("RunFacts", "RunFiles"),
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'hdf.types' has no attribute {name!r}")
    homes = (module for module, names in _HOMES.items() if name in names)
    return getattr(import_module(f"hdf.types.{next(homes, 'components')}"), name)
