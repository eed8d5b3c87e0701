"""Metrics, intervals, and the constant box."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from hdf import Detections, Target, UserError
from hdf.evaluation.baseline import constant_boxes, constant_detections
from hdf.evaluation.comparison import Comparison, read_matches, write_matches
from hdf.evaluation.metrics import Matches, box_metrics, match, mean_interval
from hdf.types import pad_targets

LABELS = ("heart", "lung")


def found(*rows: tuple[int, float, list[float]]) -> Detections:
    labels, scores, boxes = zip(*rows, strict=True) if rows else ((), (), ())
    return Detections(
        torch.tensor(boxes).float().view(-1, 4),
        torch.tensor(labels).long(),
        torch.tensor(scores).float(),
    )


def test_each_true_box_meets_the_best_detection_of_its_label() -> None:
    targets = [
        Target(torch.tensor([[0.0, 0, 10, 10], [20, 20, 30, 30]]), ("heart", "lung")),
        Target(torch.tensor([[0.0, 0, 10, 10]]), ("heart",)),
        Target(torch.zeros(0, 4), ()),
    ]
    detections = [
        found((0, 0.9, [0, 0, 10, 5]), (0, 0.5, [0, 0, 10, 10]), (1, 0.1, [20, 20, 30, 30])),
        found((1, 1.0, [0, 0, 10, 10])),
        found(),
    ]
    matches = match(targets, detections, LABELS)
    assert matches.image.tolist() == [0, 0, 1]
    assert matches.label == ["heart", "lung", "heart"]
    assert matches.iou.tolist() == [0.5, 1.0, 0.0]
    assert matches.edge_error[0].tolist() == [0, 0, 0, -5]
    assert matches.edge_error[2].isnan().all()


def test_metrics_of_known_matches() -> None:
    target = Target(torch.tensor([[0.0, 0, 10, 10]]), ("heart",))
    detections = [found((0, 1, [0, 0, 10, height])) for height in (10, 8, 6, 2)]
    metrics = box_metrics(match([target] * 4, detections, LABELS))
    assert metrics["iou_mean"] == pytest.approx(0.65)
    assert metrics["iou_median"] == pytest.approx(0.7)
    assert metrics["iou_at_50"] == 0.75
    assert metrics["iou_at_75"] == 0.5
    assert metrics["edge_error_px"] == pytest.approx([0, 0, 0, 3.5])
    low, high = metrics["iou_mean_95"]
    assert 0.2 <= low < 0.65 < high <= 1


def test_nothing_found_is_null_in_json() -> None:
    target = Target(torch.tensor([[0.0, 0, 10, 10]]), ("heart",))
    metrics = box_metrics(match([target], [found()], LABELS))
    assert metrics["iou_mean"] == 0
    assert metrics["edge_error_px"] == [None] * 4


def comparison(*rows: tuple[str, str, str, float, float]) -> Comparison:
    """Of rows (image, source, label, IoU, the constant box's IoU)."""
    sources = {row[0]: row[1] for row in rows}
    position = {image: index for index, image in enumerate(sources)}
    return Comparison(
        list(sources),
        list(sources.values()),
        Matches(
            torch.tensor([position[row[0]] for row in rows]),
            [row[2] for row in rows],
            torch.tensor([row[3] for row in rows]),
            torch.tensor([[row[3], torch.nan, -1 / 3, 1e-9] for row in rows]),
        ),
        torch.tensor([row[4] for row in rows]),
    )


ROWS = (
    ("a", "east", "heart", 1.0, 0.5),
    ("a", "east", "lung", 0.0, 0.25),
    ("b", "west", "heart", 0.7, 0.6),
)


def test_labels_and_sources_are_scored_apart() -> None:
    scores = comparison(*ROWS).metrics(LABELS)
    assert scores["labels"]["heart"]["iou_mean"] == pytest.approx(0.85)
    assert scores["labels"]["lung"]["iou_mean"] == 0
    assert scores["sources"]["east"]["iou_mean"] == pytest.approx(0.5)
    assert scores["sources"]["east"]["constant_box_iou"] == pytest.approx(0.375)
    assert scores["sources"]["west"]["above_constant_box"] == pytest.approx(0.1)
    assert "sources" not in scores["labels"]["heart"]


def test_one_label_and_one_source_have_no_parts() -> None:
    scores = comparison(ROWS[0]).metrics(("heart",))
    assert not {"labels", "sources"} & set(scores)


def test_the_difference_from_the_constant_box_is_paired() -> None:
    hard_and_easy = torch.linspace(0.2, 0.9, 40).tolist()
    rows = [(f"{n}", "", "heart", score + 0.05, score) for n, score in enumerate(hard_and_easy)]
    scores = comparison(*rows).metrics(("heart",))
    assert scores["above_constant_box"] == pytest.approx(0.05)
    assert scores["above_constant_box_95"] == pytest.approx([0.05, 0.05])
    assert scores["iou_mean_95"][0] < scores["constant_box_iou"]


def test_the_table_of_matches_loses_nothing(tmp_path: Path) -> None:
    given = comparison(*ROWS, ("c,\n", "", "heart", 1 / 3, 2 / 7))
    write_matches(tmp_path / "matches.csv", given)
    found = read_matches(tmp_path / "matches.csv")
    assert found.metrics(LABELS) == given.metrics(LABELS)
    assert (found.images, found.sources) == (given.images, given.sources)
    assert found.matches.iou.tolist() == given.matches.iou.tolist()
    assert found.matches.edge_error.nan_to_num().equal(given.matches.edge_error.nan_to_num())


HEADER = "image,source,label,iou,constant_iou,error_x0,error_y0,error_x1,error_y1\n"


@pytest.mark.parametrize(
    "text",
    ["", "image,label\na,heart\n", "\0", HEADER + "a,b,heart,none,0,,,,\n", HEADER + "a,b\n"],
)
def test_a_damaged_table_of_matches_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "matches.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=r"matches\.csv: can't be read"):
        read_matches(path)


def test_comparisons_are_joined_image_by_image() -> None:
    parts = [comparison(*ROWS[:2]), comparison(*ROWS[2:])]
    assert Comparison.joined(parts).metrics(LABELS) == comparison(*ROWS).metrics(LABELS)


def test_the_interval_covers_the_mean_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(100):
        values = torch.from_numpy(rng.normal(0.8, 0.1, 60))
        low, high = mean_interval(values, torch.arange(60))
        hits += low <= 0.8 <= high
    assert 88 <= hits <= 99


def test_boxes_of_one_image_are_resampled_together() -> None:
    values = torch.tensor([0.0, 1.0]).repeat(30)
    apart = mean_interval(values, torch.arange(60))
    together = mean_interval(values, torch.arange(60) // 2)  # each image: one 0 and one 1
    assert together == [0.5, 0.5]
    assert apart[0] < 0.45
    uneven = mean_interval(torch.tensor([1.0, 1.0, 1.0, 0.0]), torch.tensor([0, 0, 0, 1]))
    assert uneven == [0.0, 1.0]


def test_the_constant_box_is_the_mean_of_the_training_boxes() -> None:
    targets = pad_targets(
        [torch.tensor([[0.0, 0, 10, 10]]), torch.tensor([[2.0, 4, 20, 30]]), torch.zeros(0, 4)],
        [torch.tensor([0]), torch.tensor([0]), torch.zeros(0).long()],
    )
    constant = constant_boxes(targets, 2)
    assert constant[0].tolist() == [1, 2, 15, 20]
    assert all(math.isnan(edge) for edge in constant[1].tolist())
    answer = constant_detections(constant)
    assert answer.labels.tolist() == [0]
    assert answer.boxes.tolist() == [[1, 2, 15, 20]]
