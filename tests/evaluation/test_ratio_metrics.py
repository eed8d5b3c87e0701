"""Agreement of cardiothoracic ratios, against figures counted by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from hdf.evaluation.metrics import Matches
from hdf.evaluation.ratio_metrics import ratio_metrics, ratios_of

LUNGS = {"left_lung": [60.0, 0, 100, 80], "right_lung": [0.0, 0, 50, 80]}
Boxes = dict[str, list[float]]


def heart(width: float) -> Boxes:
    """A heart of this width in a thorax 100 wide."""
    return {"heart": [40 - width / 2, 40, 40 + width / 2, 70], **LUNGS}


def matches(*images: tuple[Boxes, Boxes], spread: float = math.nan) -> Matches:
    """Of images (true boxes, predicted boxes); a predicted box may be missing."""
    rows = [
        (index, label, box, found.get(label, [math.nan] * 4))
        for index, (true, found) in enumerate(images)
        for label, box in true.items()
    ]
    true = torch.tensor([row[2] for row in rows])
    found = torch.tensor([row[3] for row in rows])
    return Matches(
        torch.tensor([row[0] for row in rows]),
        [row[1] for row in rows],
        true,
        torch.zeros(len(rows)),
        found - true,
        torch.where(found.isnan(), torch.nan, spread),
    )


TRUE, FOUND = (40.0, 50.0, 60.0), (42.0, 50.0, 55.0)
ANSWERS = matches(*((heart(true), heart(found)) for true, found in zip(TRUE, FOUND, strict=True)))
CONSTANT = matches(*((heart(true), heart(47.0)) for true in TRUE))


def test_the_figures_are_those_counted_by_hand() -> None:
    scores = ratio_metrics(ANSWERS, CONSTANT)
    assert scores is not None
    error = np.array([0.02, 0.0, -0.05])
    assert (scores["n"], scores["missed"]) == (3, 0)
    assert scores["mae"] == pytest.approx(0.07 / 3, abs=1e-6)
    assert scores["bias"] == pytest.approx(-0.01, abs=1e-6)
    assert scores["sd"] == pytest.approx(error.std(ddof=1), abs=1e-6)
    reach = 1.96 * error.std(ddof=1)
    assert scores["limits"] == pytest.approx([-0.01 - reach, -0.01 + reach], abs=1e-6)
    assert scores["cv"] == pytest.approx(error.std(ddof=1) / math.sqrt(2) / 0.495, abs=1e-6)
    assert scores["r"] == pytest.approx(np.corrcoef(TRUE, FOUND)[0, 1], abs=1e-6)
    assert scores["mean"] == pytest.approx(0.5, abs=1e-6)
    assert scores["constant_box_mae"] == pytest.approx((0.07 + 0.03 + 0.13) / 3, abs=1e-6)
    low, high = scores["mae_95"]
    assert low == pytest.approx(0.0, abs=1e-6)
    assert high == pytest.approx(0.05, abs=1e-6)
    low, high = scores["cv_95"]
    assert low == pytest.approx(0.0, abs=1e-6)  # three times the same image
    sd, mean = np.std([0.02, 0.02, -0.05], ddof=1), (0.82 + 0.82 + 1.15) / 6
    assert high == pytest.approx(sd / math.sqrt(2) / mean, abs=1e-6)  # or twice the first


def test_images_without_all_three_boxes_have_no_ratio() -> None:
    no_lung = {label: box for label, box in heart(40.0).items() if label != "left_lung"}
    answers = matches((heart(40), heart(44)), (no_lung, heart(44)), (heart(40), no_lung))
    scores = ratio_metrics(answers, answers)
    assert scores is not None
    assert (scores["n"], scores["missed"]) == (1, 1)
    assert scores["mae"] == scores["bias"] == pytest.approx(0.04, abs=1e-6)
    assert scores["sd"] is scores["limits"] is scores["cv"] is scores["r"] is None
    assert scores["cv_95"] is None


def test_nothing_to_measure_is_no_part_of_the_metrics() -> None:
    only_heart = matches(({"heart": [0, 0, 1, 1]}, {"heart": [0, 0, 1, 1]}))
    assert ratio_metrics(only_heart, only_heart) is None
    not_found = matches((heart(40), {}))
    assert ratio_metrics(not_found, not_found) is None
    assert ratio_metrics(only_heart.of_label("lung"), only_heart.of_label("lung")) is None


def test_a_constant_answer_has_no_correlation_and_an_untrained_label_no_constant_box() -> None:
    scores = ratio_metrics(CONSTANT, matches(*((heart(true), {}) for true in TRUE)))
    assert scores is not None
    assert scores["r"] is None
    assert scores["constant_box_mae"] is None


def test_of_two_true_boxes_of_one_label_the_larger_counts() -> None:
    answers = matches((heart(40), heart(42)))
    small = torch.tensor([[0.0, 0, 1, 1]])
    nothing = torch.full((1, 4), torch.nan)
    extra = Matches(torch.tensor([0]), ["heart"], small, torch.zeros(1), nothing, nothing)
    for parts in ([answers, extra], [extra, answers]):
        assert ratios_of(Matches.concatenate(parts, [0, 0])).found.tolist() == pytest.approx([0.42])


def test_spreads_are_carried_to_the_ratio() -> None:
    ratios = ratios_of(matches((heart(40), heart(50)), spread=2.0))
    assert ratios.spread.tolist() == pytest.approx([math.sqrt(2 * 4 + 0.25 * 2 * 4) / 100])
    assert ratios_of(ANSWERS).spread.isnan().all()
