"""What a visualizer is given as the network's images are those of the run."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from hdf import View
from hdf.training.learner import Learner
from hdf.types import Batch
from hdf_plugins.visualizers.overlay import Overlay
from tests.training.test_run import run


def test_they_are_what_the_run_learnt_from_and_was_validated_on(
    tiny_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    views: list[View] = []
    learnt: list[Batch] = []
    monkeypatch.setattr(Overlay, "draw", lambda self, view, folder: views.append(view) or [])
    augmented = Learner._augmented

    def note(self: Learner, batch: Batch, *facts: object) -> Batch:
        learnt.append(augmented(self, batch, *facts))  # type: ignore[arg-type]
        return learnt[-1]

    monkeypatch.setattr(Learner, "_augmented", note)
    run(tiny_recipe, tmp_path / "run")
    (view,) = views

    batch = view.network.batch([1, 0])
    with torch.inference_mode():
        found = view.detector.decode(view.detector(batch.images))
    for index, item in zip([1, 0], found, strict=True):
        boxes = view.network.geometry(index).detections_to_original(item).boxes
        torch.testing.assert_close(boxes, view.detections[index].boxes)

    stored = view.network.training_batch()
    again = view.network.augmented(stored)
    assert torch.equal(again.images, learnt[0].images)
    assert torch.equal(again.targets.boxes, learnt[0].targets.boxes)
    assert not torch.equal(view.network.augmented(stored, 2).images, again.images)
    names = [sample.id for sample in view.network.training_samples(stored)]
    assert not set(names) & {sample.id for sample in view.samples}
