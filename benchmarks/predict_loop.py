"""``hdf predict`` on a folder of PNGs beside the loop that one would write for the same model.

The loop opens an image with PIL, resizes it, and asks the model, float32, one image at a time.
Whole processes, from their start to the last row of a CSV file.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.command import run_hdf
from benchmarks.radiographs import radiographs
from benchmarks.sides import ours
from benchmarks.timing import in_turns, ratio, seconds, spread

ROUNDS = int(os.environ.get("HDF_BENCHMARK_PREDICT_ROUNDS", "3"))
COUNT = int(os.environ.get("HDF_BENCHMARK_PREDICT_IMAGES", "1000"))
OURS, FLOAT32, ONNX, LOOP = (
    "hdf predict",
    "hdf predict --precision float32",
    "hdf predict --engine onnx",
    "plain loop",
)


def rows() -> Iterator[tuple[str, str]]:
    """Images a second, start-up included, with the shipped model."""
    with tempfile.TemporaryDirectory() as name, radiographs() as (images, _):
        folder, out = Path(name) / "images", Path(name) / "found.csv"
        copies(images, folder, COUNT)

        def predict(*engine: str) -> float:
            words = ("predict", folder, "--out", out, "--overwrite", *engine)
            return COUNT / seconds(lambda: run_hdf(*words))

        def loop() -> float:
            options = ("--images", folder, "--out", out)
            return COUNT / seconds(lambda: ours("plain_predict", *options))

        by_onnx = ("--engine", "onnx")
        run_hdf("predict", next(folder.iterdir()), *by_onnx)  # exports the model, once
        sides = {
            OURS: predict,
            FLOAT32: lambda: predict("--precision", "float32"),
            ONNX: lambda: predict(*by_onnx),
            LOOP: loop,
        }
        found = in_turns(sides, ROUNDS)
    for side, figures in found.items():
        yield f"images a second, {side}", spread(figures, 1)
    for side in (OURS, FLOAT32, ONNX):
        yield f"speed, {side} / {LOOP}", ratio(found[side], found[LOOP])


def copies(images: Path, folder: Path, count: int) -> None:
    """As many files as asked for; images come again under other names."""
    folder.mkdir()
    files = sorted(images.glob("*.png"))
    for number in range(count):
        source = files[number % len(files)]
        shutil.copy(source, folder / f"{number // len(files)}-{source.name}")
