"""Contract checks that plugin authors call in their own tests, one for each kind of component."""

from __future__ import annotations

from hdf.testing.augmentations import BoxErrors, check_augmentation
from hdf.testing.backbones import check_backbone
from hdf.testing.heads import check_head
from hdf.testing.loaders import check_loader
from hdf.testing.painting import level_bounds, paint
from hdf.testing.visualizers import check_visualizer, example_view

__all__ = [
    "BoxErrors",
    "check_augmentation",
    "check_backbone",
    "check_head",
    "check_loader",
    "check_visualizer",
    "example_view",
    "level_bounds",
    "paint",
]
