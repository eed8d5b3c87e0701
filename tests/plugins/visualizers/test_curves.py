"""Loss and IoU over epochs, from one epoch on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.axes import Axes

from hdf import View
from hdf_plugins.visualizers import curves
from hdf_plugins.visualizers.curves import Curves

MakeView = Callable[..., View]


def _history(epochs: int, factor: float) -> list[dict[str, float]]:
    return [
        {
            "epoch": epoch,
            "train_loss": factor**epoch,
            "val_loss": 1.1 * factor**epoch,
            "iou_mean": 0.5 + epoch / 100,
            "constant_box_iou": 0.65,
        }
        for epoch in range(1, epochs + 1)
    ]


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[list[Axes]]:
    figures: list[list[Axes]] = []

    def note(figure: Any, path: Path) -> Path:
        figure.savefig(path)
        figures.append(figure.axes)
        return path

    monkeypatch.setattr(curves, "save", note)
    return figures


def test_lines(make_view: MakeView, tmp_path: Path, drawn: list[list[Axes]]) -> None:
    Curves().draw(make_view(history=_history(10, 0.9)), tmp_path)
    ((loss, agreement),) = drawn
    train, validation = loss.get_lines()
    assert list(np.asarray(train.get_xdata())) == list(range(1, 11))
    assert list(np.asarray(train.get_ydata())) == [0.9**epoch for epoch in range(1, 11)]
    assert (train.get_label(), validation.get_label()) == ("training", "validation")
    score, constant = agreement.get_lines()
    assert score.get_label() == "validation, last 0.600"
    assert constant.get_label() == "constant box, 0.650"
    assert set(np.asarray(constant.get_ydata())) == {0.65}
    assert loss.get_yscale() == "linear"


def test_a_loss_that_falls_far_has_a_log_axis(
    make_view: MakeView, tmp_path: Path, drawn: list[list[Axes]]
) -> None:
    Curves().draw(make_view(history=_history(10, 0.5)), tmp_path)
    assert drawn[0][0].get_yscale() == "log"


def test_one_epoch_and_missing_values(
    make_view: MakeView, tmp_path: Path, drawn: list[list[Axes]]
) -> None:
    assert Curves().draw(make_view(history=[]), tmp_path) == []
    Curves().draw(make_view(history=_history(1, 0.5)), tmp_path)
    Curves().draw(make_view(history=[{"epoch": 1, "train_loss": float("nan")}]), tmp_path)
    one, none = drawn
    assert [len(axes.get_lines()) for axes in one] == [2, 2]
    assert one[0].get_lines()[0].get_marker() == "o"
    assert [len(axes.get_lines()) for axes in none] == [0, 0]


def test_epochs_without_validation_leave_no_gap(
    make_view: MakeView, tmp_path: Path, drawn: list[list[Axes]]
) -> None:
    history = _history(100, 0.99)
    for line in history:
        if line["epoch"] % 10:
            del line["val_loss"], line["iou_mean"], line["constant_box_iou"]
    Curves().draw(make_view(history=history), tmp_path)
    ((loss, agreement),) = drawn
    train, validation = loss.get_lines()
    assert len(np.asarray(train.get_xdata())) == 100
    assert list(np.asarray(validation.get_xdata())) == list(range(10, 101, 10))
    score, _ = agreement.get_lines()
    assert score.get_label() == "validation, last 1.500"


def test_the_file(make_view: MakeView, tmp_path: Path) -> None:
    view = make_view(history=_history(3, 0.5))
    assert Curves().draw(view, tmp_path) == [tmp_path / "curves.png"]
    assert (tmp_path / "curves.png").stat().st_size > 10_000
