"""Distributions stand where the image has the places that they speak of."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import StepPatch
from torch import Tensor

from hdf import UserError
from hdf_plugins.backbones.vgg import VGG11
from hdf_plugins.heads.box_regression import BoxRegression
from hdf_plugins.heads.dense import EdgeSoftargmax, Mask
from hdf_plugins.visualizers import drawing
from hdf_plugins.visualizers.edge_distributions import EdgeDistributions
from tests.plugins.visualizers.small_runs import LABELS, SIZE, view

SHARP = 30.0


class Certain(EdgeSoftargmax):
    """Is sure of the heart's box: columns 16 to 40 and rows 8 to 24 of the network's image."""

    def forward(self, features: Any) -> dict[str, Tensor]:
        raw = super().forward(features)
        x, y = torch.zeros_like(raw["x"]), torch.zeros_like(raw["y"])
        x[:, 0, 0, 16 // 8], x[:, 0, 1, 40 // 8] = SHARP, SHARP
        y[:, 0, 0, 8 // 8], y[:, 0, 1, 24 // 8] = SHARP, SHARP
        return {"x": x, "y": y}


def backbone() -> VGG11:
    return VGG11(width=0.125)


def head(kind: type[EdgeSoftargmax] | type[Mask], **options: Any) -> Any:
    shape = (backbone().channels, backbone().strides, LABELS)
    return kind(*shape, stride=8, width=4, **options)


def test_peaks_stand_on_the_original_pixels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    figures: list[list[Axes]] = []

    def note(figure: Figure, path: Path) -> Path:
        figures.append(figure.axes)
        return path

    monkeypatch.setattr(drawing, "save", note)
    EdgeDistributions(LABELS, count=1).draw(view(backbone(), head(Certain)), tmp_path)
    ((axes,),) = figures
    above, beside = axes.child_axes
    assert isinstance(above, Axes)
    assert isinstance(beside, Axes)
    # 48 network pixels hold 60 original ones, behind 8 black columns: 1.25 times what is left.
    assert peaks(above) == pytest.approx([10, 20, 40, 50])
    assert peaks(beside) == pytest.approx([10, 20, 30, 40])
    assert above.get_xlim() == axes.get_xlim()
    assert beside.get_ylim() == axes.get_ylim()
    drawn = [float(np.asarray(line.get_xdata())[0]) for line in above.get_lines()]
    assert drawn == pytest.approx([15, 45, 20, 40], abs=0.01)  # expected, then true


def peaks(strip: Axes) -> list[float]:
    """Where the highest bin of each distribution begins and ends."""
    found: list[float] = []
    for patch in strip.patches:
        assert isinstance(patch, StepPatch)
        values, edges, _ = patch.get_data()
        highest = int(np.argmax(values))
        found += [float(edges[highest]), float(edges[highest + 1])]
    return found


def test_a_mask_with_edges_is_drawn_and_one_without_is_not(tmp_path: Path) -> None:
    seen = view(backbone(), head(Mask))
    written = EdgeDistributions(LABELS, label="left_lung").draw(seen, tmp_path)
    assert written == [tmp_path / "edge_distributions.png"]
    assert written[0].stat().st_size > 10_000
    with pytest.raises(UserError, match="head 'top' predicts no distributions of edges"):
        EdgeDistributions(LABELS).draw(view(backbone(), head(Mask, edges=False)), tmp_path)


def test_a_head_without_distributions(tmp_path: Path) -> None:
    shape = (backbone().channels, backbone().strides, LABELS)
    regression = BoxRegression(*shape, image_size=SIZE, hidden=(4,))
    with pytest.raises(UserError, match="use edge_softargmax"):
        EdgeDistributions(LABELS).draw(view(backbone(), regression), tmp_path)
    assert not list(tmp_path.iterdir())
