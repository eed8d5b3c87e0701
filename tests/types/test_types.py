"""Samples, targets, geometry."""

from __future__ import annotations

import pytest
import torch

from hdf import Detections, Geometry, Sample, Target
from hdf.types import pad_targets


def test_the_group_is_the_id_unless_given() -> None:
    assert Sample("a", lambda: torch.zeros(1, 2, 2)).group == "a"
    assert Sample("a", lambda: torch.zeros(1, 2, 2), group="p").group == "p"


def test_a_broken_sample_cannot_be_read() -> None:
    sample = Sample.broken("a", "hearts.csv:3: no such image")
    assert sample.faults == ("hearts.csv:3: no such image",)
    with pytest.raises(RuntimeError):
        sample.read()


def test_a_target_needs_a_box_a_label() -> None:
    with pytest.raises(ValueError, match=r"2 labels need boxes of shape \[N, 4\], not \(1, 4\)"):
        Target(torch.zeros(1, 4), ("a", "b"))


def test_the_largest_box_of_each_label_is_chosen() -> None:
    targets = pad_targets(
        [torch.tensor([[0.0, 0, 2, 2], [0, 0, 4, 4], [1, 1, 2, 2]]), torch.zeros(0, 4)],
        [torch.tensor([0, 0, 1]), torch.zeros(0).long()],
    )
    boxes, present = targets.one_per_label(3)
    assert present.tolist() == [[True, True, False], [False, False, False]]
    assert boxes[0].tolist() == [[0, 0, 4, 4], [1, 1, 2, 2], [0, 0, 0, 0]]


def test_geometry_maps_there_and_back() -> None:
    geometry = Geometry((100, 200), (0.5, 0.25), (3.0, 7.0))
    box = torch.tensor([10.0, 20.0, 30.0, 40.0])
    assert geometry.to_network(box).tolist() == [8.0, 12.0, 18.0, 17.0]
    torch.testing.assert_close(geometry.to_original(geometry.to_network(box)), box)


def test_spread_is_scaled_and_not_shifted() -> None:
    geometry = Geometry((100, 200), (0.5, 0.25), (3.0, 7.0))
    found = Detections(torch.zeros(1, 4), torch.tensor([0]), torch.ones(1), torch.ones(1, 4))
    original = geometry.detections_to_original(found)
    assert original.spread is not None
    assert original.spread.tolist() == [[2.0, 4.0, 2.0, 4.0]]


def test_the_best_detection_of_a_label() -> None:
    found = Detections(
        torch.arange(12.0).view(3, 4), torch.tensor([0, 1, 0]), torch.tensor([0.2, 0.9, 0.5])
    )
    best = found.best(0)
    assert best is not None
    assert best.tolist() == [8, 9, 10, 11]
    assert found.best(2) is None
