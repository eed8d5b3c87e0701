"""Choosing the best epoch, and running out of patience."""

from __future__ import annotations

from hdf.recipe.schema import EarlyStopping
from hdf.training.state import Selection


def look(selection: Selection, epoch: int, **scores: float) -> bool:
    better = selection.improves(scores)
    if better:
        selection.choose(epoch, scores)
    return better


def test_without_early_stopping_the_highest_iou_is_best_and_nothing_ends() -> None:
    selection = Selection(None)
    values = [0.2, 0.1, 0.3]
    found = [look(selection, epoch, inner_iou_mean=v) for epoch, v in enumerate(values, 1)]
    assert found == [True, False, True]
    assert selection.epoch == 3
    assert not selection.is_over(10**9)


def test_a_loss_is_to_fall() -> None:
    selection = Selection(EarlyStopping(metric="inner_loss", patience=2))
    losses = [5.0, 4.0, 4.0, 4.5, 3.0]
    ended = []
    for epoch, loss in enumerate(losses, 1):
        look(selection, epoch, inner_loss=loss, inner_iou_mean=epoch / 10)
        ended.append(selection.is_over(epoch))
    assert ended == [False, False, False, True, False]
    assert selection.epoch == 5


def test_patience_counts_epochs_and_not_validations() -> None:
    selection = Selection(EarlyStopping(patience=5))
    look(selection, 3, inner_iou_mean=0.5)
    look(selection, 6, inner_iou_mean=0.4)
    assert not selection.is_over(6)
    look(selection, 9, inner_iou_mean=0.4)
    assert selection.is_over(9)


def test_it_goes_on_as_it_was() -> None:
    first, second = Selection(EarlyStopping(patience=2)), Selection(EarlyStopping(patience=2))
    look(first, 1, inner_iou_mean=0.5)
    second.load_state_dict(first.state_dict())
    assert not look(second, 2, inner_iou_mean=0.5)
    assert (second.epoch, second.is_over(3)) == (1, True)
