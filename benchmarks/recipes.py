"""Whole runs as a user starts them: validation IoU, seconds and peak memory."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.command import run_hdf


def rows() -> Iterator[tuple[str, str]]:
    """The recipes that the README quotes; the second wants HDF_TEST_DATA."""
    yield "vgg16_mse", _run("vgg16_mse")
    data = os.environ.get("HDF_TEST_DATA")
    if not data:
        yield "chest_vgg16", "skipped: HDF_TEST_DATA is not set"
        return
    chest = Path(data) / "chest200"
    images = f"data.loader.images={chest / 'images'}"
    table = f"data.loader.table={chest / 'heart_boxes.csv'}"
    yield "chest_vgg16", _run("chest_vgg16", images, table)


def _run(recipe: str, *overrides: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        run_hdf("run", recipe, *overrides, "--out", out)
        summary = json.loads((out / "summary.json").read_text())
    scores = summary["metrics"]["val"]
    low, high = scores["iou_mean_95"]
    return (
        f"IoU {scores['iou_mean']:.3f} ({low:.3f} to {high:.3f}), "
        f"constant box {scores['constant_box_iou']:.3f}, "
        f"{summary['timing']['seconds']:.0f} s, {summary['peak_memory_mib']} MiB"
    )
