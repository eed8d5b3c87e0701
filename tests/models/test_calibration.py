"""Split-conformal quantiles, and boxes and intervals that hold the truth as often as they say."""

from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from torch import Tensor

from hdf.models.calibration import LEVELS, Calibration, EdgeErrors, edge_scores, fit_calibration

BOX = torch.tensor([10.0, 20, 50, 100])
CALIBRATION = Calibration((0.5, 0.9), {"heart": (1.0, 2.0)}, (1.5, 3.0))


def errors_of(error: Tensor, spread: Tensor | None = None) -> EdgeErrors:
    nothing = torch.full_like(error, torch.nan)
    return EdgeErrors(error, BOX.expand(len(error), 4), nothing if spread is None else spread)


def test_the_quantile_is_the_score_of_the_right_rank() -> None:
    error = torch.zeros(19, 4)
    error[:, 2] = -torch.arange(1, 20)  # scores 1 … 19, out of order on purpose below
    shuffled = error[torch.randperm(19, generator=torch.Generator().manual_seed(0))]
    found = fit_calibration({"heart": errors_of(shuffled, torch.ones(19, 4))}, (0.5, 0.9, 0.95))
    assert found is not None
    # ceil(20 * 0.5) = 10th, ceil(20 * 0.9) = 18th, ceil(20 * 0.95) = 19th smallest
    assert found.edges == {"heart": (10.0, 18.0, 19.0)}
    assert found.fallback_spread == {}


def test_levels_that_too_few_boxes_allow_are_left_out() -> None:
    few, many = torch.ones(18, 4), torch.ones(40, 4)
    found = fit_calibration({"heart": errors_of(many, many), "lung": errors_of(few, few)})
    assert found is not None
    assert found.levels == tuple(level for level in LEVELS if level <= 0.925)
    assert fit_calibration({}) is None
    assert fit_calibration({"heart": errors_of(few[:0])}) is None
    alone = fit_calibration({"heart": errors_of(many, many), "lung": errors_of(few[:0])})
    assert alone is not None
    assert list(alone.edges) == ["heart"]
    assert alone.levels == LEVELS


def test_the_largest_of_the_four_edges_counts() -> None:
    error, spread = torch.tensor([[1.0, -6, 2, 3]]), torch.tensor([[1.0, 2, 4, 1]])
    assert edge_scores(errors_of(error, spread), CALIBRATION, "heart").tolist() == [3.0]


def test_outer_and_inner_boxes_move_each_edge_by_its_own_spread() -> None:
    spread = torch.tensor([1.0, 2, 3, 4])
    assert CALIBRATION.outer(BOX, spread, "heart", 0.9).tolist() == [8, 16, 56, 108]
    assert CALIBRATION.inner(BOX, spread, "heart", 0.5).tolist() == [11, 22, 47, 96]
    pairs = CALIBRATION.outer(BOX.expand(3, 4), spread.expand(3, 4), "heart", 0.9)
    assert pairs.shape == (3, 4)


def test_inner_edges_never_cross() -> None:
    inner = CALIBRATION.inner(BOX, torch.tensor([15.0, 1, 10, 1]), "heart", 0.9)
    assert inner.tolist() == [35, 22, 35, 98]  # 40 and 30 meet half-way


def test_the_interval_of_the_ratio() -> None:
    assert CALIBRATION.ratio_interval(0.5, 0.01, 0.9) == pytest.approx((0.47, 0.53))


def test_what_was_not_calibrated_is_refused() -> None:
    with pytest.raises(ValueError, match="'lung' was not calibrated, but only heart"):
        CALIBRATION.outer(BOX, BOX, "lung", 0.9)
    with pytest.raises(ValueError, match=r"not calibrated at 0\.95"):
        CALIBRATION.inner(BOX, BOX, "heart", 0.95)
    with pytest.raises(ValueError, match="this detector predicts none"):
        CALIBRATION.outer(BOX, None, "heart", 0.9)
    with pytest.raises(ValueError, match="ratio was not calibrated"):
        Calibration((0.5,), {}).ratio_interval(0.5, 0.01, 0.5)


@pytest.mark.parametrize(
    ("levels", "edges", "ratio"),
    [
        ((), {}, ()),
        ((0.9, 0.5), {}, ()),
        ((0.5, 1.0), {}, ()),
        ((0.5, 0.9), {"heart": (1.0,)}, ()),
        ((0.5, 0.9), {}, (1.0,)),
    ],
)
def test_senseless_calibrations_are_refused(
    levels: tuple[float, ...], edges: dict[str, tuple[float, ...]], ratio: tuple[float, ...]
) -> None:
    with pytest.raises(ValueError, match="level"):
        Calibration(levels, edges, ratio)


def test_it_survives_json() -> None:
    text = json.dumps(dataclasses.asdict(CALIBRATION))
    assert TypeAdapter(Calibration).validate_json(text) == CALIBRATION
    with pytest.raises(ValidationError):
        TypeAdapter(Calibration).validate_json(text.replace("0.5", "1.5"))


def test_a_head_without_spread_gets_one_in_proportion_to_its_boxes() -> None:
    size = torch.tensor([40.0, 80, 40, 80])
    share = torch.tensor([[0.1, 0.2, 0.3, 0.4], [-0.1, -0.2, -0.3, -0.4]]).repeat(20, 1)
    found = fit_calibration({"heart": errors_of(share * size)})
    assert found is not None
    assert found.fallback_spread["heart"] == pytest.approx((0.1, 0.2, 0.3, 0.4))
    assert found.edges["heart"] == pytest.approx([1.0] * len(LEVELS))
    twice = 2 * BOX
    outer = found.outer(twice, None, "heart", 0.9)
    assert (outer - twice).tolist() == pytest.approx([-8, -32, 24, 64], rel=1e-4)
    # Its own spread would not be what was calibrated.
    assert found.outer(twice, torch.ones(4), "heart", 0.9).equal(outer)


def draw(count: int, generator: torch.Generator, known: bool) -> EdgeErrors:
    """Errors with heavy tails, edges that err together, and spreads that are off by a factor."""
    spread = 1 + 4 * torch.rand(count, 4, generator=generator)
    shared = torch.randn(count, 1, generator=generator)
    error = 2.5 * spread * (shared + torch.randn(count, 4, generator=generator)).pow(3)
    return errors_of(error, spread if known else None)


@pytest.mark.parametrize("known", [True, False])
def test_new_boxes_are_covered_as_often_as_promised(known: bool) -> None:
    generator = torch.Generator().manual_seed(1)
    levels = (0.5, 0.9)
    shares = []
    for _ in range(60):
        found = fit_calibration({"heart": draw(150, generator, known)}, levels)
        assert found is not None
        new = draw(400, generator, known)
        inside = [
            (new.error.abs() <= found.margin(new.box, new.spread, "heart", level)).all(-1)
            for level in levels
        ]
        shares.append([float(item.double().mean()) for item in inside])
    # Expected are level to level + 1 / 151; the means of 60 trials err by less than 0.01.
    assert np.mean(shares, axis=0) == pytest.approx(levels, abs=0.012)


def test_ratios_are_covered_as_often_as_promised() -> None:
    rng = np.random.default_rng(0)
    shares = []
    for _ in range(60):
        spread = torch.from_numpy(rng.uniform(0.01, 0.03, 550))
        error = spread * torch.from_numpy(rng.standard_t(3, 550))
        found = Calibration((0.9,), {}).with_ratio(error[:150], spread[:150])
        reach = [found.ratio_interval(0.0, float(item), 0.9)[1] for item in spread[150:]]
        shares.append(np.mean(np.abs(error[150:].numpy()) <= reach))
    assert np.mean(shares) == pytest.approx(0.9, abs=0.012)


def test_too_few_ratios_leave_it_out() -> None:
    bare = Calibration((0.5, 0.9), {"heart": (1.0, 2.0)})
    assert bare.with_ratio(torch.ones(8), torch.ones(8)) == bare
    assert bare.with_ratio(torch.ones(9), torch.ones(9) / 2).ratio == (2.0, 2.0)
    assert all(math.isfinite(item) for item in bare.with_ratio(torch.ones(9), torch.zeros(9)).ratio)
