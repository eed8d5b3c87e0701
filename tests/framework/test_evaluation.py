"""Metrics, intervals, and the constant box."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from hdf import Detections, Target
from hdf.evaluation.baseline import constant_boxes, constant_detections
from hdf.evaluation.metrics import bootstrap_interval, box_metrics, label_metrics, match
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


def test_labels_are_scored_apart() -> None:
    target = Target(torch.tensor([[0.0, 0, 10, 10], [0, 0, 4, 4]]), LABELS)
    scores = label_metrics(match([target], [found((0, 1, [0, 0, 10, 10]))], LABELS))
    assert (scores["heart"]["iou_mean"], scores["lung"]["iou_mean"]) == (1.0, 0.0)


def test_the_interval_covers_the_mean_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(200):
        low, high = bootstrap_interval(rng.normal(0.8, 0.1, 60))
        hits += low <= 0.8 <= high
    assert 180 <= hits <= 198


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
