"""A detector small enough to be built again and again."""

from __future__ import annotations

from hdf.models.build import build_detector
from hdf.models.detector import Detector, ModelSpec
from hdf.recipe.check import part_of
from hdf.registry.registry import Registry


def small_detector(registry: Registry) -> Detector:
    """Finds hearts in images of 32 x 32 pixels, or would, had it been trained."""
    body = {"use": "vgg11", "width": 0.125, "weights": "none"}
    top = {"use": "box_regression", "hidden": [8]}
    spec = ModelSpec(body, top, "image", ("heart",), (32, 32), "stretch")
    parts = [part_of(registry, kind, use, "") for kind, use in (("backbone", body), ("head", top))]
    return build_detector(*parts, spec).eval()
