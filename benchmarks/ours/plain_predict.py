"""The loop that one would write: open, resize, ask the model, write a row; one image at a time."""

from __future__ import annotations

import argparse
import csv
import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from hdf.models.detector import Detector
from hdf.models.file import load_model
from hdf.models.weights import DEFAULT, find_models
from hdf.registry.registry import discover


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    given = parser.parse_args()
    (path,) = find_models(DEFAULT)
    detector = load_model(path, discover(None))
    files = sorted(given.images.glob("*.png"))
    with given.out.open("w", encoding="utf-8", newline="") as table:
        writer = csv.writer(table)
        for file in files:
            for label, box in zip(detector.spec.labels, found_in(file, detector), strict=False):
                writer.writerow((file.name, label, *box))
    print(json.dumps({"images": len(files)}))


@torch.no_grad()
def found_in(file: Path, detector: Detector) -> list[list[float]]:
    """The boxes of a square image, in its pixels."""
    image = Image.open(file).convert("L")
    height, width = detector.spec.image_size
    pixels = np.asarray(image.resize((width, height), Image.Resampling.BILINEAR), np.float32)
    raw = detector(torch.from_numpy(pixels / 255)[None, None])
    (found,) = detector.decode(raw)
    boxes: list[list[float]] = (found.boxes * (image.width / width)).tolist()
    return boxes


if __name__ == "__main__":
    main()
