"""``hdf predict``: one image from the start of the process, and a folder of 512 px PNGs."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from PIL import Image

from hdf.inference.files import predict_files
from hdf.inference.load import load_predictor
from hdf.models.weights import DEFAULT
from hdf_plugins.loaders.phantom import read_image

RENDERED, COPIES, SIDE, ROUNDS = 16, 16, 512, 5


def rows() -> Iterator[tuple[str, str]]:
    """With the shipped model, `heart-lungs`."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        images = _images(folder)
        command = [sys.executable, "-m", "hdf", "predict"]
        seconds = [_seconds([*command, str(images[0])]) for _ in range(ROUNDS)]
        yield "seconds, one image, the whole process", f"{median(seconds):.2f}"
        predictor = load_predictor(DEFAULT)
        speeds = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            list(predict_files(predictor, images, 0.9))
            speeds.append(len(images) / (time.perf_counter() - began))
        yield f"images a second, {len(images)} PNGs of {SIDE} px", f"{median(speeds):.0f}"


def _images(folder: Path) -> list[Path]:
    for number in range(RENDERED):
        grey = (read_image(0, number, (SIDE, SIDE))[0].numpy() * 255).round().astype("uint8")
        Image.fromarray(grey).save(folder / f"{number}-0.png")
        for copy in range(1, COPIES):
            shutil.copy(folder / f"{number}-0.png", folder / f"{number}-{copy}.png")
    return sorted(folder.glob("*.png"))


def _seconds(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, capture_output=True)
    return time.perf_counter() - began
