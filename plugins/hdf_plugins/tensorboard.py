"""A tracker for TensorBoard: metrics, figures, the recipe, and its options with final metrics.

It is off unless ``HDF_TENSORBOARD=1`` is set. The files go into ``tensorboard/`` in the run folder,
so that ``tensorboard --logdir runs`` compares all runs.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hdf
from hdf.errors import user_error

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

SWITCH = "HDF_TENSORBOARD"
SIDES = ("train", "val", "inner")


@dataclass
class _Board:
    """The writer of a run, and how many lines of ``metrics.jsonl`` it has written."""

    writer: SummaryWriter
    epochs: int = 0


_boards: dict[Path, _Board] = {}


@hdf.hookimpl
def hdf_run_started(run: hdf.RunFacts) -> None:
    if os.environ.get(SWITCH) != "1":
        return
    folder = run.folder.path / "tensorboard"
    # A resumed run writes its earlier epochs again, from metrics.jsonl.
    shutil.rmtree(folder, ignore_errors=True)
    board = _boards[run.folder.path] = _Board(_writer(folder))
    recipe = (run.folder.path / "resolved.yaml").read_text(encoding="utf-8")
    board.writer.add_text("recipe", f"```yaml\n{recipe}```")


@hdf.hookimpl
def hdf_epoch_finished(run: hdf.RunFacts) -> None:
    if run.folder.path in _boards:
        _catch_up(run, _boards[run.folder.path])


@hdf.hookimpl
def hdf_run_finished(run: hdf.RunFacts, summary: Mapping[str, Any]) -> None:
    board = _boards.pop(run.folder.path, None)
    if board is None:
        return
    with board.writer:
        _catch_up(run, board)
        _add_pictures(board.writer, run.folder.figures, summary["epochs_run"])
        options = dict(_flat(run.resolved))
        metrics = summary["metrics"]["val"].items()
        numbers = {k: v for k, v in metrics if isinstance(v, int | float) and isfinite(v)}
        final = {f"final/{name}": value for name, value in numbers.items()}
        board.writer.add_hparams(options, final, run_name=".", global_step=summary["epochs_run"])


def _writer(folder: Path) -> SummaryWriter:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise user_error(
            f"{SWITCH} is set, but TensorBoard is not installed: "
            "pip install 'heart-detection-framework[tensorboard]'"
        ) from error
    return SummaryWriter(str(folder))


def _catch_up(run: hdf.RunFacts, board: _Board) -> None:
    """Write the epochs that are not there yet."""
    lines = run.folder.metrics.read_text(encoding="utf-8").splitlines()
    for line in map(json.loads, lines[board.epochs :]):
        epoch = line.pop("epoch")
        for name, value in line.items():
            board.writer.add_scalar(_tag(name), value, epoch)
        _add_pictures(board.writer, run.folder.figures / f"epoch-{epoch:03}", epoch)
    board.epochs = len(lines)
    board.writer.flush()


def _tag(name: str) -> str:
    """A metric's tag by data set: ``train/loss``, ``val/iou_mean``, ``inner/iou_mean``."""
    side, _, rest = name.partition("_")
    if side in SIDES:
        return f"{side}/{rest}"
    return name if name in ("lr", "grad_norm") else f"val/{name}"


def _add_pictures(writer: SummaryWriter, folder: Path, epoch: int) -> None:
    import numpy as np
    from PIL import Image

    for path in sorted(folder.glob("*.png")):
        with Image.open(path) as picture:
            pixels = np.asarray(picture.convert("RGB"))
        writer.add_image(f"figures/{path.stem}", pixels, epoch, dataformats="HWC")


def _flat(tree: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, str | float | bool]]:
    """The leaves of a recipe by their paths, such as ``model.backbone.use``; lists as JSON."""
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{above}{name}.")
        elif value is not None:
            plain = isinstance(value, str | int | float)
            yield f"{above}{name}", value if plain else json.dumps(value)
