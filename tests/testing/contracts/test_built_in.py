"""Every built-in component keeps the contract that a plugin's author holds theirs to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hdf import testing
from hdf.registry.kinds import KINDS
from hdf.registry.registry import Component, discover
from hdf_plugins.backbones.vgg import VGG11
from hdf_plugins.heads.dense import EdgeSoftargmax
from tests.plugins.visualizers.small_runs import LABELS, view
from tests.testing.contracts.data import LOADERS

DISTRIBUTION = "heart-detection-framework"
COMPONENTS = [item for item in discover().components if item.plugin.distribution == DISTRIBUTION]

OPTIONS: dict[str, dict[str, Any]] = {
    **{f"vgg{depth}": {"width": 0.125} for depth in (11, 13, 16, 19)},
    **{f"resnet{depth}": {"width": 0.125} for depth in (18, 50)},
    **{f"mobilenet_v3_{size}": {"width": 0.25} for size in ("large", "small")},
    "timm": {"name": "test_convnext"},
    "box_regression": {"hidden": [16]},
    "edge_softargmax": {"width": 8},
    "mask": {"width": 8},
    "histogram_matching": {"p": 1.0},
}
"""Narrow networks: the contract does not depend on width."""


@pytest.mark.parametrize("component", COMPONENTS, ids=lambda item: f"{item.kind}-{item.name}")
def test_contract(component: Component, tmp_path: Path) -> None:
    if component.kind == "loader":
        testing.check_loader(**{"loader": component.name, **LOADERS[component.name](tmp_path)})
        return
    more: dict[str, Any] = {"draws": 200} if component.kind == "augmentation" else {}
    if component.name == "edge_distributions":
        backbone = VGG11(width=0.125)
        head = EdgeSoftargmax(backbone.channels, backbone.strides, LABELS, stride=8, width=4)
        more = {"view": view(backbone, head), "labels": LABELS}
    check = getattr(testing, KINDS[component.kind].check)
    check(component.name, options=OPTIONS.get(component.name), **more)


def test_every_kind_is_checked() -> None:
    assert {component.kind for component in COMPONENTS} == set(KINDS)
