from __future__ import annotations

from math import log

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


def test_distribution_focal_weighs_the_two_neighbouring_bins() -> None:
    logits = torch.tensor([0.1, 0.2, 0.3, 0.4]).log()
    loss = distribution_focal(logits.repeat(3, 1), torch.tensor([1.0, 1.25, 2.5]))
    expected = [
        -log(0.2),
        -0.75 * log(0.2) - 0.25 * log(0.3),
        -0.5 * log(0.3) - 0.5 * log(0.4),
    ]
    assert loss.tolist() == pytest.approx(expected)


@pytest.mark.parametrize(("target", "bin"), [(0.0, 0), (-2.0, 0), (3.0, 3), (9.5, 3)])
def test_distribution_focal_clamps_to_the_outer_bins(target: float, bin: int) -> None:
    logits = torch.tensor([0.5, -1.0, 2.0, 0.0])
    loss = distribution_focal(logits, torch.tensor(target))
    assert loss.item() == pytest.approx(-logits.log_softmax(0)[bin].item())


def test_distribution_focal_leads_to_the_target() -> None:
    target = torch.tensor([[0.3, 4.0], [2.75, 3.5]])
    logits = torch.zeros(2, 2, 6, requires_grad=True)
    for _ in range(500):
        (gradient,) = torch.autograd.grad(distribution_focal(logits, target).sum(), logits)
        logits.data -= gradient
    mean = (logits.softmax(-1) * torch.arange(6)).sum(-1)
    assert torch.allclose(mean, target, atol=0.02)


def test_dice_cross_entropy_of_a_mask_by_hand() -> None:
    logits = torch.tensor([[0.0, 0.0], [log(3), -log(3)]])
    masks = torch.tensor([[True, False], [True, False]])
    overlap, answered = 0.5 + 0.75, 0.5 + 0.5 + 0.75 + 0.25
    dice = 1 - (2 * overlap + 1) / (answered + 2 + 1)
    entropy = -(2 * log(0.5) + 2 * log(0.75)) / 4
    assert dice_cross_entropy(logits, masks).item() == pytest.approx(dice + entropy)


def test_dice_cross_entropy_gives_one_value_a_mask() -> None:
    masks = torch.zeros(2, 3, 8, 8, dtype=torch.bool)
    masks[0, :, 2:6] = True
    sure = torch.where(masks, 20.0, -20.0)
    assert dice_cross_entropy(sure, masks).shape == (2, 3)
    assert torch.allclose(dice_cross_entropy(sure, masks), torch.zeros(2, 3), atol=1e-5)
    assert (dice_cross_entropy(-sure, masks) > 20).all()


def test_gradients_are_those_of_finite_differences() -> None:
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, dtype=torch.float64, generator=generator).requires_grad_()

    targets = torch.tensor([0.0, 1.6, 4.0], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: distribution_focal(x, targets), draw(3, 5))
    masks = torch.rand(2, 4, 3, generator=generator) > 0.5
    assert torch.autograd.gradcheck(lambda x: dice_cross_entropy(x, masks), draw(2, 4, 3))


def test_extreme_logits_keep_losses_and_gradients_finite() -> None:
    logits = torch.tensor([[1e4, -1e4], [-1e4, 1e4]], requires_grad=True)
    masks = torch.tensor([[False, True], [True, False]])
    loss = dice_cross_entropy(logits, masks) + distribution_focal(logits, torch.ones(2)).sum()
    loss.backward()
    assert loss.isfinite()
    assert logits.grad is not None
    assert logits.grad.isfinite().all()
