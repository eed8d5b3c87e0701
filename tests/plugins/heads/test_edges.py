from __future__ import annotations

import pytest
import torch

from hdf_plugins.heads.edges import EdgePredictor, edge_losses, read_edges

SIZE = (80, 160)  # 20 x 40 bins of 4 px


def peaked(boxes: torch.Tensor, sharpness: float = 60.0) -> dict[str, torch.Tensor]:
    """Logits whose mass lies on the two bins beside each edge, in proportion to nearness."""

    def logits(places: torch.Tensor, bins: int) -> torch.Tensor:
        distance = (places[..., None] - 4 * (torch.arange(bins) + 0.5)).abs() / 4
        return (1 - distance).clamp(min=0).add(1e-12).log().clamp(min=-sharpness)

    return {"x": logits(boxes[..., 0::2], 40), "y": logits(boxes[..., 1::2], 20)}


BOXES = torch.tensor([[[33.0, 20.5, 100.25, 61.0], [2.0, 2.0, 158.0, 78.0]]])


def test_the_expectation_of_a_distribution_is_the_edge() -> None:
    boxes, spread = read_edges(peaked(BOXES), SIZE)
    assert torch.allclose(boxes, BOXES, atol=1e-3)
    # Mass at the distances d and 4 - d of two bins has a variance of d (4 - d).
    assert spread[0, 0, 0].item() == pytest.approx((1.0 * 3.0) ** 0.5, abs=0.01)


def test_spread_grows_with_doubt() -> None:
    sure, unsure = peaked(BOXES), {name: 0.1 * v for name, v in peaked(BOXES).items()}
    assert (read_edges(unsure, SIZE)[1] > read_edges(sure, SIZE)[1]).all()


def test_even_logits_give_the_middle_and_the_spread_of_an_even_distribution() -> None:
    raw = {"x": torch.zeros(1, 1, 2, 40), "y": torch.zeros(1, 1, 2, 20)}
    boxes, spread = read_edges(raw, SIZE)
    assert torch.allclose(boxes, torch.tensor([80.0, 40, 80, 40]))
    assert spread[0, 0, 0].item() == pytest.approx(160 / 12**0.5, rel=1e-2)


@pytest.mark.parametrize("loss", ["mse", "smooth_l1", "giou", "ciou"])
def test_right_boxes_cost_less_than_moved_ones(loss: str) -> None:
    present = torch.ones(1, 2, dtype=torch.bool)
    right = edge_losses(peaked(BOXES), BOXES, present, SIZE, loss, 1.0)  # type: ignore[arg-type]
    moved = edge_losses(peaked(BOXES), BOXES - 6, present, SIZE, loss, 1.0)  # type: ignore[arg-type]
    assert set(right) == {loss, "distribution_focal"}
    assert right[loss].item() == pytest.approx(0, abs=1e-3)
    assert all(moved[name] > right[name] for name in right)


def test_no_weight_leaves_the_focal_term_out() -> None:
    present = torch.ones(1, 2, dtype=torch.bool)
    assert set(edge_losses(peaked(BOXES), BOXES, present, SIZE, "mse", 0.0)) == {"mse"}


def test_absent_labels_cost_nothing() -> None:
    present = torch.tensor([[True, False]])
    wrong = BOXES.clone()
    wrong[:, 1] = 0
    first = edge_losses(peaked(BOXES), BOXES, present, SIZE, "giou", 1.0)
    second = edge_losses(peaked(BOXES), wrong, present, SIZE, "giou", 1.0)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_swapped_edges_have_a_finite_loss_and_gradient() -> None:
    raw = {name: value.requires_grad_() for name, value in peaked(BOXES[..., [2, 3, 0, 1]]).items()}
    terms = edge_losses(raw, BOXES, torch.ones(1, 2, dtype=torch.bool), SIZE, "ciou", 1.0)
    torch.stack(list(terms.values())).sum().backward()
    assert all(value.grad is not None and value.grad.isfinite().all() for value in raw.values())


def test_a_heat_map_is_summed_over_the_other_direction() -> None:
    edges = EdgePredictor(1, 1)
    with torch.no_grad():
        edges.heat.weight.fill_(1.0)
    features = torch.full((1, 1, 20, 40), -50.0)
    features[0, 0, 5, 30] = 50.0
    boxes, _ = read_edges(edges(features), SIZE)
    assert torch.allclose(boxes, torch.tensor([122.0, 22, 122, 22]))
