"""Calibrating by matches, and how often calibrated boxes hold the truth."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from hdf.evaluation.coverage import calibrate, coverage, covered, cross_coverage
from hdf.evaluation.metrics import Matches
from hdf.models.calibration import Calibration

TRUE = {
    "heart": torch.tensor([80.0, 100, 180, 180]),
    "left_lung": torch.tensor([140.0, 20, 240, 190]),
    "right_lung": torch.tensor([10.0, 20, 110, 190]),
}


def matches(count: int, seed: int, spread: float | None, scale: float = 1.0) -> Matches:
    """Predictions that are off by normal errors of 3 `scale` pixels; each tenth heart is missed."""
    rng = np.random.default_rng(seed)
    true = torch.stack(list(TRUE.values())).repeat(count, 1)
    error = torch.from_numpy(rng.normal(0, 3 * scale, true.shape)).float()
    error[::30] = torch.nan
    answer = torch.full_like(true, math.nan if spread is None else spread)
    return Matches(
        torch.arange(count).repeat_interleave(3),
        list(TRUE) * count,
        true,
        torch.ones(len(true)),
        error,
        torch.where(error.isnan(), torch.nan, answer),
    )


@pytest.mark.parametrize("spread", [1.5, None])
def test_new_images_are_covered_as_often_as_promised(spread: float | None) -> None:
    shares: dict[str, list[float]] = {}
    for seed in range(12):
        calibration = calibrate(matches(150, seed, spread))
        assert calibration is not None
        found = coverage(matches(150, 100 + seed, spread), calibration)
        assert found is not None
        assert found["level"] == 0.9
        parts = {**found["labels"], "ratio": found["ratio"]}
        for name, part in parts.items():
            shares.setdefault(name, []).append(part["coverage"])
            assert part["n"] == (135 if name in ("heart", "ratio") else 150)
    for found_shares in shares.values():  # each mean errs by about 0.01
        assert np.mean(found_shares) == pytest.approx(0.9, abs=0.03)


def test_the_right_boxes_are_counted() -> None:
    calibration = Calibration((0.9,), {"heart": (2.0,)})
    error = torch.tensor([[0.0, 0, 0, 6], [0.0, 0, 0, -6.1], [6.0, -6, 6, -6]])
    shown = Matches(
        torch.arange(3),
        ["heart"] * 3,
        TRUE["heart"].repeat(3, 1),
        torch.ones(3),
        error,
        torch.full((3, 4), 3.0),
    )
    found, _ = covered(shown, calibration)
    assert found.holds.tolist() == [True, False, True]
    assert found.size[0] == pytest.approx(112 * 98 / (100 * 80))
    report = coverage(shown, calibration)
    assert report is not None
    assert report["labels"]["heart"]["coverage"] == pytest.approx(2 / 3)
    assert report["labels"]["heart"]["outer_area_median"] == pytest.approx(112 * 92 / 8000)
    assert "ratio" not in report


def test_what_was_not_calibrated_is_not_counted() -> None:
    calibration = Calibration((0.9,), {"heart": (2.0,)}, (2.0,))
    report = coverage(matches(20, 0, 1.0), calibration)
    assert report is not None
    assert list(report["labels"]) == ["heart"]
    assert coverage(matches(20, 0, 1.0), Calibration((0.5,), {"heart": (2.0,)})) is None
    without_spread = coverage(matches(20, 0, None), calibration)
    assert without_spread == {"level": 0.9, "labels": {}}


def fold_of(shown: Matches, folds: int) -> torch.Tensor:
    return shown.image % folds


def test_each_fold_is_calibrated_by_the_others() -> None:
    shown = matches(120, 3, 1.0)
    fold = fold_of(shown, 3)
    report = cross_coverage(shown, fold)
    assert report is not None
    holds = []
    for number in range(3):
        calibration = calibrate(shown.part(fold != number))
        assert calibration is not None
        holds.append(covered(shown.part(fold == number), calibration)[0].holds)
    assert len(torch.cat(holds)) == sum(part["n"] for part in report["labels"].values())
    hits = sum(part["n"] * part["coverage"] for part in report["labels"].values())
    assert hits == pytest.approx(float(torch.cat(holds).sum()))


def test_a_fold_with_larger_errors_is_not_hidden() -> None:
    even, bad = matches(60, 1, 1.0), matches(60, 2, 1.0, scale=3.0)
    shown = Matches.concatenate([even, bad], [60, 60])
    fold = torch.cat([torch.zeros(180), torch.ones(180)]).long()
    report = cross_coverage(shown, fold)
    assert report is not None
    # The quiet half, under the loud one's quantile, is always held; the loud one seldom is.
    assert report["labels"]["left_lung"]["coverage"] < 0.75
    own = calibrate(shown)
    assert own is not None
    pooled: dict[str, Any] = coverage(shown, own) or {}
    assert pooled["labels"]["left_lung"]["coverage"] == pytest.approx(0.9, abs=0.02)


def test_too_few_boxes_give_no_figure() -> None:
    few = matches(9, 0, 1.0)
    assert cross_coverage(few, fold_of(few, 2)) is None
    nothing = few.part(torch.zeros(27, dtype=torch.bool))
    assert calibrate(nothing) is None
    assert cross_coverage(nothing, fold_of(nothing, 2)) is None
