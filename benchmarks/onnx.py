"""ONNX Runtime against PyTorch, float32: one image of 512 px that is in memory, `heart-lungs`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import torch

from benchmarks.timing import alternate, ratio
from hdf.inference.load import load_detectors, load_predictor
from hdf.inference.onnx import OnnxModel, OnnxPredictor
from hdf.models.weights import DEFAULT
from hdf.registry.registry import discover
from hdf.tools.export import export_model, painted_chests
from hdf_plugins.loaders.phantom import read_image

SIDE, COUNT, ROUNDS, TIMES = 512, 8, 31, 10


def rows() -> Iterator[tuple[str, str]]:
    """How many times as fast, and how far apart the boxes are."""
    images = [read_image(0, number, (SIDE, SIDE)) for number in range(COUNT)]
    by_torch = load_predictor(DEFAULT, device="cpu")
    registry = discover()
    (detector,) = load_detectors([DEFAULT], registry)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.onnx"
        export_model(detector, path, "onnx", painted_chests())
        by_onnx = OnnxPredictor([OnnxModel(path)])
        theirs, ours = alternate(
            lambda: [by_torch.predict(images[:1]) for _ in range(TIMES)],
            lambda: [by_onnx.predict(images[:1]) for _ in range(TIMES)],
            ROUNDS,
        )
        threads = torch.get_num_threads()
        yield "speed, ONNX Runtime / PyTorch", ratio(theirs, ours)
        yield "threads of each", f"{threads}"
        yield "milliseconds an image: PyTorch", f"{1000 * median(theirs) / TIMES:.1f}"
        yield "milliseconds an image: ONNX Runtime", f"{1000 * median(ours) / TIMES:.1f}"
        pairs = zip(by_torch.predict(images), by_onnx.predict(images), strict=True)
        apart = [(a.detections.boxes - b.detections.boxes).abs().max() for a, b in pairs]
        yield "largest difference of an edge, px", f"{float(max(apart)):.4f}"
