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
from hdf.model_file import save_model
from hdf.recipe.check import check_recipe
from hdf.recipe.merge import resolve
from hdf.registry import discover
from hdf.training.model import build_model
from hdf_plugins.loaders.phantom import read_image

RENDERED, COPIES, SIDE, ROUNDS = 16, 16, 512, 5
RECIPE = """\
name: small
data: {loader: {use: phantom}, labels: [heart, left_lung, right_lung], image_size: [192, 192]}
model: {backbone: {use: vgg11, width: 0.25}, head: {use: box_regression, hidden: [64]}}
"""


def rows() -> Iterator[tuple[str, str]]:
    """A VGG11 of a quarter of its width at 192 px, with weights that were never trained."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        model, images = _model(folder), _images(folder)
        command = [sys.executable, "-m", "hdf.cli.main", "predict", "--model", str(model)]
        seconds = [_seconds([*command, str(images[0])]) for _ in range(ROUNDS)]
        yield "seconds, one image, the whole process", f"{median(seconds):.2f}"
        predictor = load_predictor(model)
        speeds = []
        for _ in range(ROUNDS):
            began = time.perf_counter()
            list(predict_files(predictor, images, 0))
            speeds.append(len(images) / (time.perf_counter() - began))
        yield f"images a second, {len(images)} PNGs of {SIDE} px", f"{median(speeds):.0f}"


def _model(folder: Path) -> Path:
    (folder / "small.yaml").write_text(RECIPE)
    checked = check_recipe(resolve(folder / "small.yaml", []), discover())
    save_model(build_model(checked), folder / "small.safetensors")
    return folder / "small.safetensors"


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
