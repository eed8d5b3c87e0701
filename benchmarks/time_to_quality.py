"""Minutes of training until the mean IoU of the heart is 0.80 on fold 0 of 200 radiographs.

Every fifth of the sorted names validates, after each epoch. Training alone is timed: neither
validation, nor what a side does once beforehand. HDF_BENCHMARK_LIMIT seconds of it end a side that
does not get there.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.command import masked
from benchmarks.sides import NotMeasuredError, ours, peer

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
    found: dict[str, dict[str, Any] | str] = {}
    for name, train in _sides(Path(data) / "chest200").items():
        found[name] = _trained(train)
        yield f"minutes to IoU {BAR:.2f}, {name}", _minutes(found[name])
    peers = [found[name] for name in SCRIPTS]
    for name in (SCRATCH, PHANTOMS):
        yield f"training time, {name} / best peer", _ratio(found[name], peers)


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


def _trained(train: Callable[[], dict[str, Any]]) -> dict[str, Any] | str:
    """What a side says of its training, or why it was not measured."""
    try:
        return train()
    except NotMeasuredError as reason:
        return str(reason)


def _minutes(found: dict[str, Any] | str) -> str:
    if isinstance(found, str):
        return found
    about = f"IoU {found['best']:.3f}, {found['epochs']} epochs"
    if found["reached"] is None:
        return f"not in {found['trained'] / 60:.1f} ({about})"
    return f"{found['reached'] / 60:.2f} ({about})"


def _ratio(ours: dict[str, Any] | str, peers: Sequence[dict[str, Any] | str]) -> str:
    """Over the time of the quickest peer; it takes all of them to know which that is."""
    sides = [ours, *peers]
    absent = [found for found in sides if isinstance(found, str)]
    if absent:
        return absent[0]
    first, *others = (found for found in sides if not isinstance(found, str))
    if first["reached"] is None:
        return "never reached"
    times = [found["reached"] for found in others if found["reached"] is not None]
    if times:
        return f"{first['reached'] / min(times):.3f}"
    longest = min(found["trained"] for found in others)
    return f"{first['reached'] / longest:.3f} or less, for no peer got there"
