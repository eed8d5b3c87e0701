"""Views of small networks that have learnt nothing, as a run would offer them."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import Module

from hdf import Detections, Sample, Target, View
from hdf.augmentation.pipeline import Augment
from hdf.data.store import Store, build_store
from hdf.models.detector import Detector, ModelSpec
from hdf.visualize.view import NetworkImages

SIZE = (48, 64)
LABELS = ("heart", "left_lung")
ORIGINAL = (60, 60)


def store(count: int = 6) -> Store:
    """Square noise of 60 pixels, letterboxed into 48 x 64: 8 pixels black at the left and right."""

    def sample(number: int) -> Sample:
        def read() -> Tensor:
            return torch.rand(1, *ORIGINAL, generator=torch.Generator().manual_seed(number))

        boxes = torch.tensor([[20.0, 10, 40, 30], [5, 5, 25, 50]])
        return Sample(f"noise-{number}", read, Target(boxes, LABELS))

    return build_store([sample(number) for number in range(count)], LABELS, SIZE)


def view(backbone: Module, head: Module, augment: Augment | None = None) -> View:
    """The first two images validate, and the others train in batches of three."""
    spec = ModelSpec({"use": "body"}, {"use": "top"}, "image", LABELS, SIZE, "letterbox")
    detector = Detector(backbone, head, spec).eval()
    data, val = store(), [0, 1]
    network = NetworkImages(data, val, [2, 3, 4, 5], 3, augment, 7)
    with torch.inference_mode():
        answers = detector.decode(detector(network.batch(val).images))
    found: list[Detections] = [
        data.geometry[index].detections_to_original(item)
        for index, item in zip(val, answers, strict=True)
    ]
    samples, targets = data.samples[:2], data.originals[:2]
    return View(LABELS, samples, targets, found, [], {}, detector, network)
