"""The values that flow through hdf, and what a plugin's components offer.

Boxes are ``(x0, y0, x1, y1)`` float32 on **pixel edges**: a box that covers the columns 40..119 has
x0 = 40 and x1 = 120, so its width is x1 - x0. What holds tensors is imported when it is first used,
so that a loader's samples can be described without torch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
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


def __getattr__(name: str) -> Any:
    if name in __all__:
        from hdf.types import tensors  # not above: it imports torch

        return getattr(tensors, name)
    raise AttributeError(f"module 'hdf.types' has no attribute {name!r}")
