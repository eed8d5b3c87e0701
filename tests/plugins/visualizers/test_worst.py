"""The worst predictions come first."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from hdf import Target, View
from hdf_plugins.visualizers import worst
from hdf_plugins.visualizers.worst import Worst


def test_the_lowest_iou_first(
    make_view: Callable[..., View], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chosen: list[tuple[list[int], str]] = []
    monkeypatch.setattr(
        worst, "draw_pages", lambda view, indices, title, *_: chosen.append((indices, title))
    )
    view = make_view(6, metrics={"iou_mean": 0.5})
    targets = list(view.targets)
    targets[4] = Target(torch.zeros(0, 4), ())  # no true box, so no prediction is wrong
    Worst(count=3).draw(View(**{**view.__dict__, "targets": targets}), tmp_path)
    assert chosen == [([5, 3, 2], "Validation: mean IoU 0.500, the worst 3 of 6 images")]
