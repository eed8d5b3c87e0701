"""Minutes of training until the mean IoU of the heart is 0.80 on fold 0 of 200 radiographs.

Every fifth of the sorted names validates, after each epoch. Training alone is timed: neither
validation, nor what a side does once beforehand. HDF_BENCHMARK_LIMIT seconds of it end a side that
does not get there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.command import masked
from benchmarks.sides import NotMeasuredError, ours, peer
from benchmarks.timing import Figures, ratio

BAR = float(os.environ.get("HDF_BENCHMARK_IOU", "0.80"))
LIMIT = float(os.environ.get("HDF_BENCHMARK_LIMIT", "900"))
SCRATCH, PHANTOMS = "hdf from scratch", "hdf from phantoms"
IN_MEMORY = "data.store=memory"
SMALL = (
    "data.image_size=[128, 128]",
    "model.backbone={use: vgg11, batch_norm: true, width: 0.25}",
    "model.head={use: edge_softargmax}",
    "train.epochs=15",
    "train.batch_size=8",
    "train.optimizer={use: adamw, lr: 3.0e-3}",
)
"""On top of the recipe `chest_vgg16`: a small network, which learns from boxes as the peers do."""

SCRIPTS = {
    "classic script": "classic_script",
    "torchvision FCOS": "torchvision_fcos",
    "Ultralytics YOLO11n": "ultralytics_yolo",
}


def rows() -> Iterator[tuple[str, str]]:
    """One training each, one after the other, and hdf's over the quickest peer's."""
    data = os.environ.get("HDF_TEST_DATA")
    if not data:
        yield "skipped", "skipped: HDF_TEST_DATA is not set"
        return
    reached: dict[str, Figures] = {}
    for name, train in _sides(Path(data) / "chest200").items():
        reached[name], figure = _told(train)
        yield f"minutes to IoU {BAR:.2f}, {name}", figure
    best = _quickest({name: reached[name] for name in SCRIPTS})
    for name in (SCRATCH, PHANTOMS):
        yield f"training time, {name} / best peer", ratio(reached[name], best)


def _sides(chest: Path) -> dict[str, Callable[[], dict[str, Any]]]:
    images, table = chest / "images", chest / "heart_boxes.csv"
    boxed = (f"data.loader.images={images}", f"data.loader.table={table}", *SMALL, IN_MEMORY)
    goal = ("--bar", BAR, "--limit", LIMIT)
    common = ("--images", images, "--table", table, *goal)

    def theirs(script: str) -> Callable[[], dict[str, Any]]:
        return lambda: peer(script, *common)

    return {
        SCRATCH: lambda: ours("quality", *goal, "chest_vgg16", *boxed),
        PHANTOMS: lambda: ours("quality", *goal, "chest_heart_lungs", *masked(chest), IN_MEMORY),
    } | {name: theirs(script) for name, script in SCRIPTS.items()}


def _told(train: Callable[[], dict[str, Any]]) -> tuple[Figures, str]:
    """The seconds until the bar, or why there are none; and the row's figure."""
    try:
        found = train()
    except NotMeasuredError as reason:
        return str(reason), str(reason)
    about = f"IoU {found['best']:.3f}, {found['epochs']} epochs"
    if found["reached"] is None:
        return "never reached", f"not in {found['trained'] / 60:.1f} ({about})"
    return [found["reached"]], f"{found['reached'] / 60:.2f} ({about})"


def _quickest(peers: Mapping[str, Figures]) -> Figures:
    """That of the peers which got there first; it takes all of them to know."""
    absent = [why for why in peers.values() if isinstance(why, str) and why != "never reached"]
    times = [figures for figures in peers.values() if not isinstance(figures, str)]
    if absent:
        return absent[0]
    return min(times) if times else "no peer reached it"
