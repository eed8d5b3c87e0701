"""Whether every file of a run folder can be read, and what a run has come to."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path

import torch
import yaml
from safetensors import safe_open

from hdf.training.checkpoint.store import examine

RESULTS = ("best.safetensors", "metrics.jsonl", "predictions.csv", "matches.csv")


def results_of(folder: Path) -> dict[str, bytes]:
    """The files that a seed determines."""
    return {name: (folder / name).read_bytes() for name in RESULTS}


def unreadable(folder: Path) -> list[str]:
    """What can't be read, but for what a killed process had begun, which has a hidden name."""
    wrong = []
    for path in sorted(folder.rglob("*")):
        names = path.relative_to(folder).parts
        if path.is_file() and not any(name.startswith(".") for name in names):
            try:
                _READERS.get(path.suffix, _text)(path)
            except Exception as error:
                wrong.append(f"{'/'.join(names)}: {type(error).__name__}: {error}")
    for checkpoint in folder.glob("checkpoints/[!.]*"):
        try:
            examine(checkpoint)
        except Exception as error:
            wrong.append(f"{checkpoint.name}: {error}")
    return wrong


def _text(path: Path) -> None:
    path.read_text(encoding="utf-8")


def _json(path: Path) -> None:
    json.loads(path.read_text())


def _json_lines(path: Path) -> None:
    for line in path.read_text().splitlines():
        json.loads(line)


def _table(path: Path) -> None:
    with path.open(newline="") as file:
        rows = list(csv.reader(file, strict=True))
    assert rows, "empty"
    assert len({len(row) for row in rows}) == 1, "rows of different lengths"


def _model(path: Path) -> None:
    with safe_open(path, framework="pt") as file:
        for name in file.keys():  # noqa: SIM118 - it is no mapping
            file.get_tensor(name)


_READERS: dict[str, Callable[[Path], None]] = {
    ".json": _json,
    ".jsonl": _json_lines,
    ".csv": _table,
    ".safetensors": _model,
    ".pt": lambda path: torch.load(path, weights_only=True) and None,
    ".yaml": lambda path: yaml.safe_load(path.read_text()),
}
