"""COCO's average precision, against figures counted by hand."""

from __future__ import annotations

import pytest
import torch

from hdf.evaluation.comparison import Found, average_precision
from hdf.evaluation.metrics import Matches
from hdf.types import Detections

BOX = [0.0, 0.0, 10.0, 10.0]
Row = tuple[int, str, float, list[float]]


def truth(*rows: tuple[int, str]) -> Matches:
    """The same true box in each (image, label)."""
    nothing = torch.full((len(rows), 4), torch.nan)
    return Matches(
        torch.tensor([image for image, _ in rows]),
        [label for _, label in rows],
        torch.tensor([BOX] * len(rows)),
        torch.zeros(len(rows)),
        nothing,
        nothing,
    )


def detected(*rows: Row) -> Found:
    return Found(
        torch.tensor([row[0] for row in rows]).long(),
        [row[1] for row in rows],
        torch.tensor([row[2] for row in rows]),
        torch.tensor([row[3] for row in rows]).view(-1, 4),
        torch.full((len(rows), 4), torch.nan),
    )


def score(matches: Matches, found: Found, images: str = "abcdef") -> dict[str, dict[str, float]]:
    return average_precision(list(images), matches, found)


def test_perfect_boxes_score_one() -> None:
    found = detected((0, "heart", 0.9, BOX), (1, "heart", 0.8, BOX))
    scores = score(truth((0, "heart"), (1, "heart")), found)["heart"]
    assert scores == pytest.approx({"ap": 1, "ap_50": 1, "ap_75": 1})


def test_an_iou_of_eight_tenths_passes_seven_of_ten_thresholds() -> None:
    found = detected((0, "heart", 0.9, [0, 0, 10, 8.1]))
    scores = score(truth((0, "heart")), found)["heart"]
    assert scores == pytest.approx({"ap": 0.7, "ap_50": 1.0, "ap_75": 1.0})


def test_a_surer_mistake_costs_precision() -> None:
    # In order of score: wrong, right, right. Precision 1/2 at recall 1/2, 2/3 at 1; interpolated
    # from the right, 2/3 at every recall.
    far = [50.0, 50.0, 60.0, 60.0]
    found = detected((2, "heart", 0.9, far), (0, "heart", 0.8, BOX), (1, "heart", 0.7, BOX))
    assert score(truth((0, "heart"), (1, "heart")), found)["heart"]["ap"] == pytest.approx(2 / 3)


def test_a_missed_box_costs_recall() -> None:
    found = detected((0, "heart", 0.9, BOX))
    # Precision 1 at recalls 0 … 0.5, which are 51 of 101, and 0 beyond.
    scores = score(truth((0, "heart"), (1, "heart")), found)
    assert scores["heart"]["ap_50"] == pytest.approx(51 / 101)


def test_labels_are_scored_apart_and_those_without_a_true_box_left_out() -> None:
    found = detected((0, "lung", 0.9, BOX), (0, "spleen", 0.9, BOX))
    scores = score(truth((0, "heart"), (0, "lung")), found)
    assert (scores["heart"]["ap"], scores["lung"]["ap"]) == pytest.approx((0, 1))
    assert set(scores) == {"heart", "lung"}


def test_nothing_found_at_all_scores_nothing() -> None:
    assert score(truth((0, "heart")), detected()) == {
        "heart": {"ap": 0.0, "ap_50": 0.0, "ap_75": 0.0}
    }


def test_equal_scores_count_in_the_order_of_the_images_names() -> None:
    far = [50.0, 50.0, 60.0, 60.0]
    found = detected((0, "heart", 1.0, BOX), (1, "heart", 1.0, far))
    good_first = score(truth((0, "heart")), found, "ab")["heart"]["ap"]
    bad_first = score(truth((0, "heart")), found, "ba")["heart"]["ap"]
    assert (good_first, bad_first) == pytest.approx((1, 0.5))


def test_more_than_a_hundred_boxes_in_an_image_are_no_trouble() -> None:
    rows: list[Row] = [(0, "heart", 0.5 + 0.001 * n, BOX) for n in range(150)]
    assert score(truth((0, "heart")), detected(*rows))["heart"]["ap"] == pytest.approx(1)


def test_detections_of_many_images_in_one() -> None:
    first = Detections(torch.tensor([BOX, BOX]), torch.tensor([1, 0]), torch.tensor([0.5, 0.7]))
    none = Detections(torch.zeros(0, 4), torch.zeros(0).long(), torch.zeros(0))
    found = Found.of([none, first, none, first], ("heart", "lung"))
    assert found.image.tolist() == [1, 1, 3, 3]
    assert found.label == ["lung", "heart"] * 2
    assert found.score.tolist() == pytest.approx([0.5, 0.7] * 2)
    assert found.spread.shape == (4, 4) and found.spread.isnan().all()
