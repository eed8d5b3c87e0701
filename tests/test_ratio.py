"""The cardiothoracic ratio, its spread, and the heart's width in millimetres."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from hdf.ratio import HeartWidth, cardiothoracic_ratio, heart_width, ratio_spread
from hdf.types import ImageFacts
from hdf_plugins.loaders.csv_boxes import CsvBoxes

BOXES = {
    "heart": torch.tensor([100.0, 150, 200, 250]),
    "left_lung": torch.tensor([160.0, 30, 270, 240]),
    "right_lung": torch.tensor([20.0, 40, 130, 250]),
}
SPREADS = {
    "heart": torch.tensor([3.0, 99, 4, 99]),
    "left_lung": torch.tensor([99.0, 99, 5, 99]),
    "right_lung": torch.tensor([12.0, 99, 99, 99]),
}


def test_the_ratio_is_the_heart_s_width_over_the_thorax_s() -> None:
    assert cardiothoracic_ratio(BOXES) == pytest.approx(100 / 250)


def test_all_three_are_needed_and_a_thorax_with_a_width() -> None:
    for label in BOXES:
        rest = {name: box for name, box in BOXES.items() if name != label}
        assert cardiothoracic_ratio(rest) is None
        assert ratio_spread(rest, SPREADS) is None
        spreads = {name: item for name, item in SPREADS.items() if name != label}
        assert ratio_spread(BOXES, spreads) is None
    flat = {label: torch.zeros(4) for label in BOXES}
    assert cardiothoracic_ratio(flat) is None
    assert ratio_spread(flat, SPREADS) is None


def test_the_spread_is_that_of_the_four_edges_alone() -> None:
    # heart hypot(3, 4) = 5; thorax hypot(5, 12) = 13, times the ratio 0.4
    assert ratio_spread(BOXES, SPREADS) == pytest.approx(math.hypot(5, 0.4 * 13) / 250)


def test_the_spread_is_about_that_of_shaken_boxes() -> None:
    generator = torch.Generator().manual_seed(0)

    def shaken(label: str) -> Tensor:
        return BOXES[label] + SPREADS[label] / 4 * torch.randn(4, generator=generator)

    found = [cardiothoracic_ratio({label: shaken(label) for label in BOXES}) for _ in range(4000)]
    told = ratio_spread(BOXES, {label: spread / 4 for label, spread in SPREADS.items()})
    assert np.std([ratio for ratio in found if ratio is not None]) == pytest.approx(told, rel=0.05)


def test_the_heart_s_width_in_millimetres_is_by_the_columns_spacing() -> None:
    facts = ImageFacts(pixel_spacing=(0.5, 0.2), spacing_at="detector")
    width = heart_width(BOXES["heart"], facts)
    assert width == HeartWidth(pytest.approx(20.0), "detector")
    assert heart_width(BOXES["heart"], ImageFacts()) is None


def test_true_boxes_give_the_published_ratios(chest200: Path) -> None:
    with (chest200 / "ctr.csv").open(newline="") as file:
        published = {row["name"]: float(row["ctr"]) for row in csv.DictReader(file)}
    samples = CsvBoxes(images=chest200 / "images", table=chest200 / "boxes.csv").records()
    found = {
        sample.id: cardiothoracic_ratio(dict(zip(target.labels, target.boxes, strict=True)))
        for sample in samples
        if (target := sample.target) is not None
    }
    pairs = [(found[name], ratio) for name, ratio in published.items()]
    assert len(pairs) == 171
    ours, theirs = np.array(pairs, dtype=float).T
    assert np.corrcoef(ours, theirs)[0, 1] > 0.9997
    assert np.abs(ours - theirs).max() < 0.01
