"""Which samples the overlay and the worst show, in which order and under which title."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from hdf import Target, View
from hdf_plugins.visualizers import drawing
from hdf_plugins.visualizers.overlay import Overlay, Worst

MakeView = Callable[..., View]
METRICS = {"iou_mean": 0.8, "constant_box_iou": 0.65}


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[str]]]:
    """The titles of each figure that is saved: its own and those of its panels."""
    titles: list[tuple[str, list[str]]] = []

    def note(figure: Any, path: Path) -> Path:
        panels = [axes.get_title() for axes in figure.axes if axes.get_title()]
        titles.append((figure.get_suptitle(), panels))
        return path

    monkeypatch.setattr(drawing, "save", note)
    return titles


def test_overlay_takes_samples_evenly(
    make_view: MakeView, tmp_path: Path, shown: list[tuple[str, list[str]]]
) -> None:
    Overlay(count=4).draw(make_view(8, metrics=METRICS), tmp_path)
    ((title, panels),) = shown
    assert title == "Validation: mean IoU 0.800 (constant box 0.650), 4 of 8 images"
    assert panels[:2] == ["phantom $0$   IoU 1.00", "phantom $2$   IoU 0.82"]
    assert len(panels) == 4


def test_overlay_without_metrics_or_true_boxes(
    make_view: MakeView, tmp_path: Path, shown: list[tuple[str, list[str]]]
) -> None:
    view = make_view(2)
    unlabelled = View(**{**view.__dict__, "targets": [Target(torch.zeros(0, 4), ())] * 2})
    Overlay().draw(unlabelled, tmp_path)
    ((title, panels),) = shown
    assert title == "Validation: 2 of 2 images"
    assert panels == ["phantom $0$   no true box", "phantom $1$   no true box"]
    assert Worst().draw(unlabelled, tmp_path) == []


def test_overlay_writes_its_file(make_view: MakeView, tmp_path: Path) -> None:
    labels = ("heart", "left_lung", "right_lung")
    view = make_view(5, labels=labels, metrics=METRICS)
    assert Overlay().draw(view, tmp_path) == [tmp_path / "overlay.png"]
    assert Worst().draw(view, tmp_path) == [tmp_path / "worst.png"]
    assert Overlay().draw(make_view(0), tmp_path) == []


def test_the_lowest_iou_comes_first(
    make_view: MakeView, tmp_path: Path, shown: list[tuple[str, list[str]]]
) -> None:
    view = make_view(6, metrics={"iou_mean": 0.5})
    targets = list(view.targets)
    targets[4] = Target(torch.zeros(0, 4), ())  # no true box, so no prediction is wrong
    Worst(count=3).draw(View(**{**view.__dict__, "targets": targets}), tmp_path)
    ((title, panels),) = shown
    assert title == "Validation: mean IoU 0.500, the worst 3 of 6 images"
    assert [panel.split("   ")[0] for panel in panels] == [f"phantom ${n}$" for n in (5, 3, 2)]


def test_an_option_out_of_range() -> None:
    for component in (Overlay, Worst):
        with pytest.raises(ValueError, match="count must be at least 1, not 0"):
            component(count=0)
