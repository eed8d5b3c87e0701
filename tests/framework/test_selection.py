"""Choosing the best epoch, and running out of patience."""

from __future__ import annotations

from hdf.recipe.schema import EarlyStopping
from hdf.training.selection import Selection


def test_without_early_stopping_the_highest_iou_is_best_and_nothing_ends() -> None:
    selection = Selection(None)
    found = [selection.improves(n, {"inner_iou_mean": v}) for n, v in enumerate([0.2, 0.1, 0.3], 1)]
    assert found == [True, False, True]
    assert selection.epoch == 3
    assert not selection.is_over(10**9)


def test_a_loss_is_to_fall() -> None:
    selection = Selection(EarlyStopping(metric="inner_loss", patience=2))
    losses = [5.0, 4.0, 4.0, 4.5, 3.0]
    ended = []
    for epoch, loss in enumerate(losses, 1):
        selection.improves(epoch, {"inner_loss": loss, "inner_iou_mean": epoch / 10})
        ended.append(selection.is_over(epoch))
    assert ended == [False, False, False, True, False]
    assert selection.epoch == 5


def test_patience_counts_epochs_and_not_validations() -> None:
    selection = Selection(EarlyStopping(patience=5))
    selection.improves(3, {"inner_iou_mean": 0.5})
    selection.improves(6, {"inner_iou_mean": 0.4})
    assert not selection.is_over(6)
    selection.improves(9, {"inner_iou_mean": 0.4})
    assert selection.is_over(9)
