"""Metrics, intervals, and the constant box."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from hdf import Detections, Target, UserError
from hdf.evaluation.comparison import Comparison, Found
from hdf.evaluation.evaluate import constant_boxes, constant_detections
from hdf.evaluation.metrics import Matches, box_metrics, match, mean_interval, quantile_interval
from hdf.evaluation.tables import (
    MATCH_COLUMNS,
    PREDICTION_COLUMNS,
    read_comparison,
    write_answers,
)
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
    assert matches.found.tolist() == [True, True, False]
    assert matches.true[1].tolist() == matches.box[1].tolist() == [20, 20, 30, 30]
    assert matches.spread.isnan().all()


def test_the_best_detection_s_spread_is_kept() -> None:
    answer = found((0, 0.1, [0, 0, 9, 9]), (0, 0.9, [0, 0, 10, 5]))
    answer = replace(answer, spread=torch.tensor([[9.0] * 4, [1.0, 2, 3, 4]]))
    target = Target(torch.tensor([[0.0, 0, 10, 10]]), ("heart",))
    assert match([target], [answer], LABELS).spread.tolist() == [[1, 2, 3, 4]]


def test_metrics_of_known_matches() -> None:
    target = Target(torch.tensor([[0.0, 0, 10, 10]]), ("heart",))
    detections = [found((0, 1, [0, 0, 10, height])) for height in (10, 8, 6, 2)]
    metrics = box_metrics(match([target] * 4, detections, LABELS))
    assert metrics["iou_mean"] == pytest.approx(0.65)
    assert metrics["iou_median"] == pytest.approx(0.7)
    assert metrics["iou_at_50"] == 0.75
    assert metrics["iou_at_75"] == 0.5
    assert metrics["iou_at_90"] == 0.25
    assert metrics["iou_p2"] == pytest.approx(0.2 + 0.06 * 0.4)
    assert metrics["edge_error_px"] == pytest.approx([0, 0, 0, 3.5])
    assert metrics["edge_bias_px"] == pytest.approx([0, 0, 0, -3.5])
    assert metrics["interval_95"]["iou_at_90"] == [0.0, 0.75]
    low, high = metrics["iou_mean_95"]
    assert 0.2 <= low < 0.65 < high <= 1


def test_edge_errors_are_in_percent_of_the_true_side() -> None:
    target = Target(torch.tensor([[10.0, 20, 30, 60]]), ("heart",))
    metrics = box_metrics(match([target], [found((0, 1, [11, 21, 29, 62]))], LABELS))
    assert metrics["edge_error_percent"] == pytest.approx([5, 2.5, 5, 5])
    assert metrics["edge_bias_px"] == [1, 1, -1, 2]


def test_nothing_found_is_null_in_json() -> None:
    target = Target(torch.tensor([[0.0, 0, 10, 10]]), ("heart",))
    metrics = box_metrics(match([target], [found()], LABELS))
    assert metrics["iou_mean"] == 0
    for key in ("edge_error_px", "edge_bias_px", "edge_error_percent"):
        assert metrics[key] == [None] * 4


def comparison(*rows: tuple[str, str, str, float, float]) -> Comparison:
    """Of rows (image, source, label, IoU, the constant box's IoU)."""
    sources = {row[0]: row[1] for row in rows}
    position = {image: index for index, image in enumerate(sources)}
    image, label = torch.tensor([position[row[0]] for row in rows]), [row[2] for row in rows]
    true = torch.tensor([[0.0, 0, 10, 10]]).repeat(len(rows), 1)
    error = torch.tensor([[row[3], torch.nan, -1 / 3, 1e-9] for row in rows])
    spread = torch.tensor([[row[4], torch.nan, 1 / 7, 0.1] for row in rows])

    def matches(column: int, error: torch.Tensor, spread: torch.Tensor) -> Matches:
        score = torch.tensor([float(row[column]) for row in rows])
        return Matches(image, label, true, score, error, spread)

    return Comparison(
        list(sources),
        list(sources.values()),
        matches(3, error, spread),
        matches(4, -error, torch.full_like(spread, torch.nan)),
        Found(image, label, torch.tensor([row[3] / 3 for row in rows]), true + 1 / 3, spread),
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


def written(folder: Path, shown: Comparison) -> Comparison:
    """The comparison after a way through the tables."""
    write_answers(folder, shown)
    return read_comparison(folder)


def test_the_tables_lose_nothing(tmp_path: Path) -> None:
    given = comparison(*ROWS, ("c,\n", "", "heart", 1 / 3, 2 / 7))
    found = written(tmp_path, given)
    assert found.metrics(LABELS) == given.metrics(LABELS)
    assert (found.images, found.sources) == (given.images, given.sources)
    for ours, theirs in ((found.matches, given.matches), (found.constant, given.constant)):
        for name in ("image", "true", "iou", "edge_error", "spread"):
            assert getattr(ours, name).nan_to_num().equal(getattr(theirs, name).nan_to_num())
    assert found.found.label == given.found.label
    assert found.found.box.equal(given.found.box)
    assert found.found.score.equal(given.found.score)
    assert found.found.spread.nan_to_num().equal(given.found.spread.nan_to_num())


def test_detections_in_images_without_a_true_box_come_through_the_tables(tmp_path: Path) -> None:
    given = comparison(*ROWS)
    box = torch.zeros(1, 4)
    nowhere = Found(torch.tensor([2]), ["heart"], torch.tensor([0.9]), box, box)
    extended = replace(
        given,
        images=["a", "b", "empty"],
        sources=["east", "west", "east"],
        found=Found.concatenate([given.found, nowhere], [0, 0]),
    )
    assert extended.metrics(LABELS)["ap"] < given.metrics(LABELS)["ap"]
    assert written(tmp_path, extended).metrics(LABELS) == extended.metrics(LABELS)


def broken(columns: tuple[str, ...], **cells: str) -> str:
    row = [cells.get(column, "0") for column in columns]
    return ",".join(columns) + "\n" + ",".join(row) + "\n"


@pytest.mark.parametrize("name", ["matches.csv", "predictions.csv"])
@pytest.mark.parametrize("damage", ["empty", "other", "zero", "word", "underscore", "short"])
def test_a_damaged_table_is_told(tmp_path: Path, name: str, damage: str) -> None:
    columns = MATCH_COLUMNS if name == "matches.csv" else PREDICTION_COLUMNS
    number = "iou" if name == "matches.csv" else "score"
    texts = {
        "empty": "",
        "other": "image,label\na,heart\n",
        "zero": "\0",
        "word": broken(columns, **{number: "none"}),
        "underscore": broken(columns, **{number: "1_0"}),
        "short": ",".join(columns) + "\na,b\n",
    }
    written(tmp_path, comparison(*ROWS))
    (tmp_path / name).write_text(texts[damage])
    with pytest.raises(UserError, match="can't be read") as caught:
        read_comparison(tmp_path)
    assert name in str(caught.value)


def test_comparisons_are_joined_image_by_image() -> None:
    parts = [comparison(*ROWS[:2]), comparison(*ROWS[2:])]
    assert Comparison.concatenate(parts).metrics(LABELS) == comparison(*ROWS).metrics(LABELS)


def test_the_interval_covers_the_mean_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(100):
        values = torch.from_numpy(rng.normal(0.8, 0.1, 60))
        low, high = mean_interval(values, torch.arange(60))
        hits += low <= 0.8 <= high
    assert 88 <= hits <= 99


def test_the_interval_of_a_quantile_covers_it_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    hits = 0
    for _ in range(100):
        values = torch.from_numpy(rng.normal(0.8, 0.1, 60))
        low, high = quantile_interval(values, torch.arange(60), 0.5)
        hits += low <= 0.8 <= high
    assert 88 <= hits <= 99


def test_quantiles_of_images_with_different_numbers_of_boxes() -> None:
    values, image = torch.tensor([0.1, 0.3, 0.5, 0.9]), torch.tensor([3, 0, 3, 3])
    rng = np.random.default_rng(0)
    draws = rng.integers(2, size=(2000, 2))
    parts = {0: [0.3], 1: [0.1, 0.5, 0.9]}
    medians = [np.median(parts[a] + parts[b]) for a, b in draws.tolist()]
    expected = np.percentile(medians, [2.5, 97.5])
    assert quantile_interval(values, image, 0.5) == pytest.approx(expected, abs=1e-6)


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
