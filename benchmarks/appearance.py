"""Trained on high-contrast radiographs and tested on washed-out ones, and back (HDF_TEST_DATA)."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.command import masked, run_hdf
from hdf import read_image

RECIPE = "chest_heart_lungs"


def rows() -> Iterator[tuple[str, str]]:
    """Half of the images never seen, nor their kind of exposure."""
    data = os.environ.get("HDF_TEST_DATA")
    if not data:
        yield "skipped", "HDF_TEST_DATA is not set"
        return
    chest = Path(data) / "chest200"
    ranked = sorted((chest / "images").glob("*.png"), key=contrast)
    names = [path.stem for path in ranked]
    flat, hard = names[: len(names) // 2], names[len(names) // 2 :]
    mixed = sorted(names)
    yield "trained on high contrast, tested on low", _run(chest, hard, flat)
    yield "trained on low contrast, tested on high", _run(chest, flat, hard)
    yield (
        "trained on every second image, tested on the others",
        _run(chest, mixed[::2], mixed[1::2]),
    )


def contrast(path: Path) -> float:
    """The range between the 10th and the 90th percentile of the grey values in the middle."""
    image = read_image(path)[0]
    height, width = image.shape
    middle = image[height // 8 : -height // 8 : 4, width // 8 : -width // 8 : 4].flatten()
    return float(middle.quantile(0.9) - middle.quantile(0.1))


def _run(chest: Path, train: list[str], val: list[str]) -> str:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "train.txt").write_text("\n".join(train))
        (folder / "val.txt").write_text("\n".join(val))
        lists = f"data.split={{lists: {{train: {folder}/train.txt, val: {folder}/val.txt}}}}"
        run_hdf("run", RECIPE, *masked(chest), lists, "visualize=[]", "--out", folder / "run")
        metrics = json.loads((folder / "run" / "summary.json").read_text())["metrics"]["val"]
    heart = metrics["labels"]["heart"]
    low, high = heart["iou_mean_95"]
    return (
        f"IoU {heart['iou_mean']:.3f} ({low:.3f} to {high:.3f}), "
        f"constant box {heart['constant_box_iou']:.3f}, ratio {metrics['ratio']['mae']:.4f}"
    )
