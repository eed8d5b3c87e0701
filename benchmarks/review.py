"""``hdf review`` in Chromium: from the key to the next of 200 radiographs on screen."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.browser import chromium, missing
from hdf.models.weights import DEFAULT
from hdf_plugins.loaders.phantom import read_image

COUNT, RENDERED, SIDES = 200, 10, (1024, 2048)
PACE = 0.5
"""Seconds from key to key in the first half; in the second half no time is left."""
NOISE = 3.0
ENTER = "\ue007"
TIMED = """
window.times = [];
const film = () => document.getElementById("film");
document.addEventListener("keydown", (event) => {
  const before = film().dataset.name;
  const look = () => {
    const drawn = film().dataset.name !== before && film().complete;
    // The next frame begins once this one is handed to the screen.
    const note = () => window.times.push(performance.now() - event.timeStamp);
    requestAnimationFrame(drawn ? note : look);
  };
  requestAnimationFrame(look);
}, true);
"""


def rows() -> Iterator[tuple[str, str]]:
    """For two sizes of image."""
    if missing():
        yield "milliseconds from the key to the next image", missing()
        return
    for side in SIDES:
        with TemporaryDirectory() as name:
            films = Path(name) / "films"
            write_films(films, side)
            for what, figure in _figures(films):
                yield f"{what}, {side} px", figure


def _figures(films: Path) -> Iterator[tuple[str, str]]:
    with reviewing(films) as address, chromium() as driver:
        began = time.perf_counter()
        driver.get(address)
        _wait(driver, "return document.getElementById('film').dataset.name")
        yield "seconds from the page's address to its first image", _seconds(began)
        _wait(
            driver, f"return document.getElementById('counts').textContent.endsWith('{COUNT} open')"
        )
        yield f"seconds until all {COUNT} are predicted and in order", _seconds(began)
        driver.execute_script(TIMED)
        for how, pause, until in (("two keys a second", PACE, COUNT // 2), ("at once", 0, COUNT)):
            times = _times(driver, pause, until)
            what = f"milliseconds from the key to the next image, {how}"
            yield f"{what}, median", f"{median(times):.0f}"
            yield f"{what}, worst", f"{max(times):.0f}"
        saved = "document.getElementById('saved').textContent"
        _wait(driver, f"return {saved} === 'All changes saved'")


def _times(driver: Any, pause: float, until: int) -> list[float]:
    """Accept images up to number `until`, each when the last one is there and a pause is over."""
    from selenium.webdriver.common.action_chains import ActionChains

    before = int(driver.execute_script("return window.times.length"))
    for number in range(before + 1, until):
        time.sleep(pause)
        ActionChains(driver, duration=0).send_keys(ENTER).perform()
        _wait(driver, f"return window.times.length === {number}")
    return [float(value) for value in driver.execute_script("return window.times")[before:]]


def _wait(driver: Any, script: str) -> None:
    end = time.perf_counter() + 300
    while not driver.execute_script(script):
        if time.perf_counter() > end:
            raise TimeoutError(script)


def _seconds(began: float) -> str:
    return f"{time.perf_counter() - began:.1f}"


def write_films(folder: Path, side: int, count: int = COUNT, rendered: int = RENDERED) -> None:
    """PNGs of phantoms; beyond the rendered ones, the same with noise of their own."""
    folder.mkdir()
    generator = np.random.default_rng(0)
    size = (min(side, 1024),) * 2
    phantoms = [read_image(0, n, size)[0].numpy() * 255 for n in range(min(rendered, count))]
    for number in range(count):
        film = Image.fromarray(phantoms[number % rendered]).resize((side, side))
        noisy = np.asarray(film) + generator.normal(0, NOISE, (side, side))
        picture = Image.fromarray(noisy.round().clip(0, 255).astype(np.uint8))
        picture.save(folder / f"film-{number:03d}.png", compress_level=1)


@contextmanager
def reviewing(films: Path, *arguments: str) -> Iterator[str]:
    """``hdf review`` of a folder as a process; its address."""
    command = [sys.executable, "-m", "hdf", "review", DEFAULT, str(films)]
    options = ["--port", "0", "--no-browser", *arguments]
    with subprocess.Popen(
        [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
