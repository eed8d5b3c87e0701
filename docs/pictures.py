"""Draw the pictures of the README and of the documentation from phantoms.

python -m docs.pictures RUN    (RUN: the folder of a finished run of recipes/vgg16_mse.yaml)
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib
from benchmarks.planted_faults import copy_of, phantom_set, plant
from PIL import Image, ImageDraw, ImageFont
from rich.console import Console

from hdf.preview.make import Choice, make_preview
from hdf.recipe.check import check_recipe
from hdf.recipe.merge import resolve
from hdf.registry import discover
from hdf.reporting.progress import Reporter
from hdf_plugins.phantom.contact import contact_sheet

IMAGES = Path(__file__).parent / "images"
PREVIEW = (
    "data.loader.count=60",
    "data.labels=[heart, left_lung, right_lung]",
    "augment.0={use: affine, degrees: 12, translate: 0.15, scale: [0.8, 1.25]}",
)
"""The changes of recipes/vgg16_mse.yaml that docs/preview.md names."""


def preview(path: Path) -> None:
    """Write what ``hdf preview`` shows, in fewer colours."""
    checked = check_recipe(resolve(Path("vgg16_mse"), PREVIEW), discover())
    sheet = make_preview(checked, Choice(count=6), Reporter(Console(stderr=True)))
    sheet.quantize(256).save(path, optimize=True)


AUDIT = """
data:
  loader: {use: csv_boxes, images: images, table: hearts.csv}
  split: {lists: {train: train.txt, val: val.txt}}
  store: memory
"""
CROSSVAL = (
    "crossval resnet18_smooth_l1 'data.split={folds: 5}' data.loader.count=300 train.epochs=20 "
    "--out five"
)
MONO = ImageFont.truetype(Path(matplotlib.get_data_path(), "fonts/ttf/DejaVuSansMono.ttf"), 14)
MOST_COLUMNS = 128
ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
CHROMIUM = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--no-first-run")


def audit(path: Path) -> None:
    """Write what ``hdf audit --html`` shows of phantoms with planted faults; needs Chromium."""
    browser = shutil.which("chromium")
    if browser is None:
        print(f"{path.name} is left as it is: there is no chromium")
        return
    with tempfile.TemporaryDirectory() as place:
        copy = copy_of(
            phantom_set(Path(place) / "source", 80, 256, seed=9), Path(place) / "set", seed=3
        )
        plant(copy)
        (copy.folder / "hearts.yaml").write_text(AUDIT)
        hdf = (sys.executable, "-m", "hdf.cli.main", "audit", "hearts.yaml", "--html", "page.html")
        subprocess.run(hdf, cwd=copy.folder, check=True, stdout=subprocess.DEVNULL)
        shot, profile = Path(place) / "shot.png", Path(place) / "profile"
        page = (copy.folder / "page.html").as_uri()
        options = (f"--user-data-dir={profile}", f"--screenshot={shot}", "--window-size=1000,1180")
        subprocess.run((browser, *CHROMIUM, *options, page), check=True, capture_output=True)
        with Image.open(shot) as picture:
            picture.convert("RGB").quantize(128).save(path, optimize=True)


def terminal(path: Path, folder: Path, *commands: str) -> None:
    """Write what commands of ``hdf`` print in a folder, as a terminal shows it."""
    lines: list[str] = []
    for command in commands:
        arguments = shlex.split(command)
        shown = subprocess.run(
            [sys.executable, "-m", "hdf.cli.main", *arguments],
            cwd=folder,
            env={**os.environ, "HDF_CACHE": str(folder / "cache")},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=True,
        )
        output = shown.stdout.replace(str(folder / "cache"), "~/.cache/hdf").splitlines()
        lines += [f"$ hdf {command}", *_without_epochs(output), ""]
    _draw_terminal(lines[:-1]).quantize(16).save(path, optimize=True)


def _without_epochs(lines: list[str]) -> list[str]:
    """The lines with an ellipsis for all that stand between a training's first and last epoch."""
    kept: list[str] = []
    for number, line in enumerate(lines):
        inner = line.startswith("epoch ") and lines[number - 1].startswith("epoch ")
        if not (inner and lines[number + 1].startswith("epoch ")):
            kept.append(line)
        elif kept[-1] != ELLIPSIS:
            kept.append(ELLIPSIS)
    return kept


def _draw_terminal(lines: list[str]) -> Image.Image:
    height, margin = 19, 14
    width = max(MONO.getlength(line[:MOST_COLUMNS]) for line in lines)
    size = (round(width) + 2 * margin, len(lines) * height + 2 * margin)
    picture = Image.new("RGB", size, "#1E1E1E")
    pen = ImageDraw.Draw(picture)
    for number, line in enumerate(lines):
        shown = line if len(line) <= MOST_COLUMNS else f"{line[: MOST_COLUMNS - 1]}{ELLIPSIS}"
        colour = "#8FD0FF" if line.startswith("$ ") else "#E4E4E4"
        pen.text((margin, margin + number * height), shown, colour, MONO)
    return picture


def terminals() -> None:
    """Write what ``hdf prepare``, ``crossval`` and ``audit`` print."""
    with tempfile.TemporaryDirectory() as place:
        copy = copy_of(
            phantom_set(Path(place) / "source", 80, 256, seed=9), Path(place) / "set", seed=3
        )
        copy.write()
        (copy.folder / "hearts.yaml").write_text(AUDIT.replace("  store: memory\n", ""))
        terminal(IMAGES / "prepare.png", copy.folder, *["prepare hearts.yaml"] * 2)
        plant(copy)
        terminal(IMAGES / "audit-terminal.png", copy.folder, "audit hearts.yaml")
        terminal(IMAGES / "crossval.png", copy.folder, CROSSVAL)


def main(run: Path) -> None:
    """Write all pictures; the run's ``overlay.png`` as a smaller copy."""
    IMAGES.mkdir(exist_ok=True)
    contact_sheet(IMAGES / "phantoms.png", pixels=240)
    preview(IMAGES / "preview.png")
    audit(IMAGES / "audit.png")
    terminals()
    with Image.open(run / "figures" / "overlay.png") as picture:
        small = picture.convert("RGB").reduce(2)
    small.quantize(128).save(IMAGES / "overlay.png", optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
