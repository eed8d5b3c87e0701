from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hdf.boxes import from_center_size
from hdf_plugins.heads.losses import (
    BOX_LOSSES,
    ciou,
    dice_cross_entropy,
    distribution_focal,
    giou,
    masked_mean,
    mse,
    smooth_l1,
)

BOX = torch.tensor([10.0, 20.0, 30.0, 60.0])


def test_mse_is_the_mean_of_squares() -> None:
    assert mse(torch.tensor([[1.0, 2.0, 0.0, 1.0]]), torch.zeros(1, 4)).tolist() == [1.5]


def test_smooth_l1_is_square_below_one_and_linear_above() -> None:
    code = torch.tensor([[0.5, 3.0, 0.0, 0.0]])
    assert smooth_l1(code, torch.zeros(1, 4)).tolist() == [pytest.approx((0.125 + 2.5) / 4)]


def test_giou_of_two_unit_squares_apart() -> None:
    first, second = torch.tensor([0.0, 0.0, 1.0, 1.0]), torch.tensor([2.0, 0.0, 3.0, 1.0])
    assert giou(first, second).item() == pytest.approx(1 + 1 / 3, rel=1e-5)


def test_ciou_of_two_unit_squares_apart() -> None:
    first, second = torch.tensor([0.0, 0.0, 1.0, 1.0]), torch.tensor([2.0, 0.0, 3.0, 1.0])
    assert ciou(first, second).item() == pytest.approx(1 + 4 / 10, rel=1e-5)


@pytest.mark.parametrize("name", BOX_LOSSES)
def test_box_losses_vanish_on_the_truth(name: str) -> None:
    assert BOX_LOSSES[name](BOX, BOX).item() == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("name", BOX_LOSSES)
@settings(deadline=None)
@given(
    center=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    sides=st.tuples(st.floats(0.05, 1), st.floats(0.05, 1)),
    factor=st.floats(8, 2000),
)
def test_box_losses_do_not_depend_on_the_scale(
    name: str, center: tuple[float, float], sides: tuple[float, float], factor: float
) -> None:
    box = from_center_size(torch.tensor([*center, *sides]))
    truth = from_center_size(torch.tensor([0.55, 0.5, 0.4, 0.3]))
    small = BOX_LOSSES[name](box * 64, truth * 64)
    large = BOX_LOSSES[name](box * factor, truth * factor)
    assert large.item() == pytest.approx(small.item(), rel=1e-3, abs=1e-4)


def test_masked_mean_leaves_out_what_is_absent() -> None:
    values = torch.tensor([[1.0, 100.0], [3.0, float("nan")]], requires_grad=True)
    mean = masked_mean(values, torch.tensor([[True, False], [True, False]]))
    mean.backward()
    assert mean.item() == 2
    assert values.grad is not None
    assert values.grad.tolist() == [[0.5, 0.0], [0.5, 0.0]]


def test_masked_mean_of_nothing_is_zero() -> None:
    assert masked_mean(torch.ones(2, 1), torch.zeros(2, 1, dtype=torch.bool)).item() == 0


def test_distribution_focal_shares_its_weight_between_neighbours() -> None:
    logits = torch.tensor([[0.0, 1.0, 2.0, 3.0]])
    share = logits.log_softmax(-1)[0]
    loss = distribution_focal(logits, torch.tensor([1.25]))
    assert loss.item() == pytest.approx(-(0.75 * share[1] + 0.25 * share[2]).item())
    for outside, bin in ((-3.0, 0), (9.0, 3)):
        cut = distribution_focal(logits, torch.tensor([outside]))
        assert cut.item() == pytest.approx(-share[bin].item())


def test_dice_cross_entropy_of_a_half_covered_mask() -> None:
    masks = torch.tensor([[[1.0, 1.0], [0.0, 0.0]]])
    loss = dice_cross_entropy(torch.zeros(1, 2, 2), masks)
    dice = 1 - (2 * 1.0 + 1) / (2.0 + 2.0 + 1)
    assert loss.item() == pytest.approx(dice + math.log(2))
    right = dice_cross_entropy(40 * (masks - 0.5), masks)
    assert right.item() == pytest.approx(0, abs=1e-6)
