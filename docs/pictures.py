"""Draw the pictures of the README and of the documentation from phantoms.

python -m docs.pictures RUN    (RUN: the folder of a finished run of recipes/vgg16_mse.yaml)
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
import torch
from benchmarks.browser import chromium, missing
from benchmarks.planted_faults import copy_of, phantom_set, plant
from benchmarks.review import reviewing, write_films
from PIL import Image, ImageDraw, ImageFont
from rich.console import Console

from hdf.console.progress import Reporter
from hdf.recipe.check import check_recipe
from hdf.recipe.merge import resolve
from hdf.registry.registry import discover
from hdf.tools.preview import Choice, make_preview
from hdf.types import Target
from hdf_plugins.loaders.phantom import Phantom
from hdf_plugins.phantom.radiograph import render

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
    with tempfile.TemporaryDirectory() as place:
        copy = copy_of(
            phantom_set(Path(place) / "source", 80, 256, seed=9), Path(place) / "set", seed=3
        )
        plant(copy)
        (copy.folder / "hearts.yaml").write_text(AUDIT)
        hdf = (sys.executable, "-m", "hdf", "audit", "hearts.yaml", "--html", "page.html")
        subprocess.run(hdf, cwd=copy.folder, check=True, stdout=subprocess.DEVNULL)
        screenshot(copy.folder / "page.html", path, 1180)


def screenshot(page: Path, path: Path, height: int) -> None:
    """Write what Chromium shows of the head of a page."""
    browser = shutil.which("chromium")
    if browser is None:
        print(f"{path.name} is left as it is: there is no chromium")
        return
    with tempfile.TemporaryDirectory() as place:
        shot = Path(place) / "shot.png"
        profile, size = f"--user-data-dir={place}/profile", f"--window-size=1000,{height}"
        command = (browser, *CHROMIUM, profile, size, f"--screenshot={shot}", page.as_uri())
        subprocess.run(command, check=True, capture_output=True)
        with Image.open(shot) as picture:
            picture.convert("RGB").quantize(128).save(path, optimize=True)


def report(path: Path) -> None:
    """Write the report of a shipped model on phantoms that it has not seen."""
    with tempfile.TemporaryDirectory() as place:
        labelled_phantoms(Path(place), 60)
        screenshot(evaluated(Path(place), "heart-lungs-phantom") / "report.html", path, 1650)


def comparison(path: Path) -> None:
    """Write the page of ``hdf compare`` for the two shipped models on the same phantoms."""
    with tempfile.TemporaryDirectory() as place:
        labelled_phantoms(Path(place), 60)
        folders = [
            evaluated(Path(place), name).name for name in ("heart-lungs", "heart-lungs-phantom")
        ]
        hdf = (sys.executable, "-m", "hdf", "compare", *folders, "--html", "page.html")
        subprocess.run(hdf, cwd=place, check=True, stdout=subprocess.DEVNULL)
        screenshot(Path(place) / "page.html", path, 1750)


def labelled_phantoms(folder: Path, count: int) -> None:
    """Write phantoms as ``images/*.npy``, and their boxes as ``boxes.csv``."""
    (folder / "images").mkdir()
    lines = ["name,x_min,y_min,x_max,y_max,label"]
    for sample in Phantom(count=count, size=(256, 256), seed=77).records():
        np.save(folder / "images" / f"{sample.id}.npy", sample.read()[0].numpy())
        target = sample.target or Target(torch.zeros(0, 4), ())
        for box, label in zip(target.boxes.tolist(), target.labels, strict=True):
            lines.append(f"{sample.id},{','.join(map(str, box))},{label}")
    (folder / "boxes.csv").write_text("\n".join(lines) + "\n")


def evaluated(folder: Path, model: str) -> Path:
    """The folder of an evaluation on `labelled_phantoms`."""
    arguments = ("--model", model, "--images", "images", "--table", "boxes.csv", "--out", model)
    hdf = (sys.executable, "-m", "hdf", "evaluate", *arguments)
    subprocess.run(hdf, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return folder / model


def review(path: Path) -> None:
    """Write what ``hdf review`` shows of a phantom with a corrected heart; needs Chromium."""
    if missing():
        print(f"{path.name} is left as it is: {missing()}")
        return
    from selenium.common.exceptions import StaleElementReferenceException
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.support.wait import WebDriverWait

    with tempfile.TemporaryDirectory() as place:
        films, shot = Path(place) / "films", Path(place) / "shot.png"
        write_films(films, 1024, count=12, rendered=12)

        def dragged(browser: Any) -> bool:
            grip = browser.find_element("css selector", "[data-label=heart] [data-edges=x1]")
            drag = ActionChains(browser).move_to_element(grip).click_and_hold()
            drag.move_by_offset(-24, 0).release().perform()
            return True

        with reviewing(films) as address, chromium(1200, 887) as browser:
            browser.get(address)
            # The page draws boxes anew when a prediction comes.
            wait = WebDriverWait(browser, 60, ignored_exceptions=[StaleElementReferenceException])
            wait.until(lambda _: "predicting" not in browser.find_element("id", "counts").text)
            wait.until(lambda _: browser.find_element("id", "film").get_attribute("data-name"))
            ActionChains(browser).send_keys(*["\ue007"] * 3).perform()
            wait.until(dragged)
            wait.until(lambda _: browser.find_element("id", "saved").text == "All changes saved")
            browser.save_screenshot(str(shot))
        with Image.open(shot) as picture:
            picture.convert("RGB").quantize(128).save(path, optimize=True)


def terminal(path: Path, folder: Path, command: str) -> None:
    """Write what a command of ``hdf`` prints in a folder, as a terminal shows it."""
    shown = subprocess.run(
        [sys.executable, "-m", "hdf", *shlex.split(command)],
        cwd=folder,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=True,
    )
    lines = [f"$ hdf {command}", *_without_epochs(shown.stdout.splitlines())]
    _draw_terminal(lines).quantize(16).save(path, optimize=True)


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
    """Write what ``hdf audit`` and ``crossval`` print."""
    with tempfile.TemporaryDirectory() as place:
        copy = copy_of(
            phantom_set(Path(place) / "source", 80, 256, seed=9), Path(place) / "set", seed=3
        )
        plant(copy)
        (copy.folder / "hearts.yaml").write_text(AUDIT)
        terminal(IMAGES / "audit-terminal.png", copy.folder, "audit hearts.yaml")
        terminal(IMAGES / "crossval.png", copy.folder, CROSSVAL)


def phantoms(path: Path) -> None:
    """Write three rows of four phantoms."""
    images, _ = render(0, range(12), (240, 240))
    grey = (images.view(3, 4, 240, 240).transpose(1, 2).reshape(720, 960) * 255).round()
    Image.fromarray(grey.to(torch.uint8).numpy()).save(path)


def main(run: Path) -> None:
    """Write all pictures; the run's ``overlay.png`` as a smaller copy."""
    IMAGES.mkdir(exist_ok=True)
    phantoms(IMAGES / "phantoms.png")
    preview(IMAGES / "preview.png")
    audit(IMAGES / "audit.png")
    report(IMAGES / "report.png")
    comparison(IMAGES / "compare.png")
    review(IMAGES / "review.png")
    terminals()
    with Image.open(run / "figures" / "overlay.png") as picture:
        small = picture.convert("RGB").reduce(2)
    small.quantize(128).save(IMAGES / "overlay.png", optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
