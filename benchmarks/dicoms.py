"""``hdf prepare`` on DICOMs of 1024 x 1024: memory, cores, speed, and what a kill costs.

The environment variable HDF_BENCHMARK_DICOMS adds a further count, such as 27000.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from benchmarks.dicom_set import DISTINCT, write_set
from benchmarks.process_tree import Usage, descendants, measured

COUNTS = (500, 2_000)
SIZE = 224
KILLS = 5
RECIPE = """
data:
  loader: {{use: csv_boxes, images: {images}, table: {table}}}
  labels: [heart]
  image_size: [{size}, {size}]
  split: {{val: 0.2}}
model:
  backbone: {{use: vgg16}}
  head: {{use: box_regression}}
train: {{epochs: 1, batch_size: 16, optimizer: {{use: adam, lr: 1.0e-4}}}}
"""
Images = dict[str, bytes]


def rows() -> Iterator[tuple[str, str]]:
    """Figures of whole processes, start-up and reading of headers included."""
    further = os.environ.get("HDF_BENCHMARK_DICOMS")
    counts = [*COUNTS, *([int(further)] if further else [])]
    with tempfile.TemporaryDirectory() as root:
        uses = {}
        for count in counts:
            recipe = _recipe(Path(root) / str(count), count)
            uses[count] = measured(_command(recipe, Path(root) / f"store{count}"))
            yield from _figures(count, uses[count])
        for fewer, more in pairwise(counts):
            further_ms = 1000 * (uses[more].seconds - uses[fewer].seconds) / (more - fewer)
            yield f"milliseconds for each image from {fewer} to {more}", f"{further_ms:.1f}"
        yield from _killed(Path(root), COUNTS[0])


def _recipe(folder: Path, count: int) -> Path:
    images, table = write_set(folder, count)
    recipe = folder / "recipe.yaml"
    recipe.write_text(RECIPE.format(images=images, table=table, size=SIZE))
    return recipe


def _command(recipe: Path, store: Path) -> list[str]:
    hdf = Path(sys.executable).with_name("hdf")
    return [str(hdf), "prepare", str(recipe), f"data.store={store}"]


def _figures(count: int, use: Usage) -> Iterator[tuple[str, str]]:
    distinct = f", {DISTINCT} distinct files linked" if count > DISTINCT else ""
    memory = f"{use.pss / 2**20:.0f} ({use.rss / 2**20:.0f} with shared pages counted repeatedly)"
    yield f"{count} images{distinct}: seconds", f"{use.seconds:.1f}"
    yield f"{count}: images a second", f"{count / use.seconds:.1f}"
    yield f"{count}: peak memory of all processes, MiB", memory
    cores = f"{use.cpu / use.seconds:.2f} ({use.idle / use.seconds:.2f} idle)"
    yield f"{count}: cores busy", cores


def _killed(root: Path, count: int) -> Iterator[tuple[str, str]]:
    """Kill at random moments, end undisturbed, and compare with the store of one go."""
    recipe, store = root / str(count) / "recipe.yaml", root / "killed"
    noted = [0]
    orphans = 0
    for _ in range(KILLS):
        target = random.randint(noted[-1], noted[-1] + (count - noted[-1]) // 2)
        orphans += _kill(_command(recipe, store), store, target)
        noted.append(len(_images(store)))
    told = subprocess.run(_command(recipe, store), check=True, capture_output=True, text=True)
    reused = int(told.stdout.partition(" of them reused")[0].rpartition(" ")[2])
    whole, ids = _images(root / f"store{count}"), _ids(store)
    mended = _images(store)
    yield f"killed {KILLS} times: images there after each", ", ".join(map(str, noted[1:]))
    yield "images that the last run used again, and decoded", f"{reused}, {len(ids) - noted[-1]}"
    yield "images lost", str(len(whole.keys() - mended.keys()))
    yield "images noted twice", str(sum(number - 1 for number in Counter(ids).values()))
    yield (
        "images that differ from those of one go",
        str(sum(whole[id] != mended.get(id) for id in whole)),
    )
    yield "processes left behind by the killed ones", str(orphans)


def _kill(command: list[str], store: Path, target: int) -> int:
    """Send SIGKILL when so many images are there; how many children outlive the process by 5 s."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while process.poll() is None and sum(1 for _ in _journal(store)) < target:
        time.sleep(random.uniform(0.01, 0.1))
    started = [number for number in descendants(process.pid) if number != process.pid]
    process.send_signal(signal.SIGKILL)
    process.wait()
    for _ in range(50):
        started = [number for number in started if Path(f"/proc/{number}").exists()]
        if not started:
            break
        time.sleep(0.1)
    for number in started:
        os.kill(number, signal.SIGKILL)
    return len(started)


def _ids(store: Path) -> list[str]:
    return [entry["id"] for entry in _journal(store)]


def _journal(store: Path) -> Iterator[dict[str, object]]:
    journal = store / "journal.jsonl"
    for line in journal.read_bytes().splitlines() if journal.exists() else ():
        try:
            yield json.loads(line)
        except ValueError:  # cut short by a kill
            continue


def _images(store: Path) -> Images:
    """The bytes of each image that the journal notes."""
    if not (store / "images.u8").exists():
        return {}
    pixels = (store / "images.u8").read_bytes()
    places = {str(entry["id"]): int(str(entry["index"])) * SIZE**2 for entry in _journal(store)}
    return {id: pixels[start : start + SIZE**2] for id, start in places.items()}
