"""Pickles that run code, wherever hdf reads a file: none of it runs.

Each would touch a file, the canary. That it would is proved first.
"""

from __future__ import annotations

import io
import os
import pickle
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
import yaml
from PIL import Image

from hdf import read_image
from hdf.data.folder import StoreFolder
from hdf.data.split import split_samples
from hdf.errors import user_error
from hdf.images import read_mask
from hdf.inference.load import read_calibration
from hdf.inference.onnx import OnnxModel
from hdf.models.file import load_model
from hdf.recipe.check import check_recipe
from hdf.recipe.merge import resolve
from hdf.recipe.splits import Lists, ListSplit
from hdf.registry.registry import Registry, discover
from hdf.runs.run_folder import RunFolder, status_of
from hdf.training.launch import last_epoch
from hdf_plugins.backbones.weights import read_state
from hdf_plugins.loaders.coco import Coco
from hdf_plugins.loaders.csv_boxes import CsvBoxes
from tests.faults.outcome import Outcome
from tests.faults.watched import attempt


class Canary:
    """Touches a file where it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (self.path,))


Load = Callable[[Path, bytes], object]
"""Puts hostile bytes where hdf looks, in a folder, and lets it look."""


def bench(count: int) -> Outcome:
    """Offer so many pickles, to one reader after the other, in one form after the other."""
    outcome, registry = Outcome(), discover()
    loads = list(readers(registry).items())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        canary = folder / "canary"
        prove(canary)
        forms = payloads(canary)
        for number in range(count):
            place, load = loads[number % len(loads)]
            form, content = forms[number // len(loads) % len(forms)]
            work = folder / str(number)
            work.mkdir()
            attempt(outcome, f"{place} {form}", partial(_tried, load, work, content, canary))
    return outcome


def _tried(load: Load, folder: Path, content: bytes, canary: Path) -> str:
    try:
        load(folder, content)
    finally:
        if canary.exists():
            canary.unlink()
            raise AssertionError("its code ran")
    return "ignored"


def prove(canary: Path) -> None:
    """Show that each form would have run: read unsafely, each touches the canary."""
    unsafe: dict[str, Callable[[bytes], object]] = {
        "pickle": pickle.loads,
        "torch": lambda content: torch.load(io.BytesIO(content), weights_only=False),
        "numpy": lambda content: np.load(io.BytesIO(content), allow_pickle=True),
        "archive": lambda content: np.load(io.BytesIO(content), allow_pickle=True)["image"],
        "yaml": lambda content: yaml.unsafe_load(content),
    }
    for form, content in payloads(canary):
        unsafe[form.split()[0]](content)
        assert canary.exists(), f"{form} runs nothing, so it proves nothing"
        canary.unlink()


def payloads(canary: Path) -> list[tuple[str, bytes]]:
    """The hostile bytes, in every form that something reads."""
    bird = Canary(canary)
    array = np.empty((1, 1), dtype=object)
    array[0, 0] = bird
    tag = f"!!python/object/apply:os.open ['{canary}', {os.O_CREAT}]"
    found = [(f"pickle {number}", pickle.dumps(bird, number)) for number in (0, 2, 5)]
    found += [
        (f"torch {kind}", _torch(value, zipped))
        for kind, value, zipped in (
            ("state", {"epoch": 1, "weight": bird}, True),
            ("legacy", {"epoch": 1, "weight": bird}, False),
        )
    ]
    found.append(("numpy", _buffer(lambda file: np.save(file, array, allow_pickle=True))))
    found.append(("archive", _buffer(lambda file: np.savez(file, image=array))))
    found.append(("yaml", f"seed: {tag}\n".encode()))
    return found


def _torch(value: object, zipped: bool) -> bytes:
    return _buffer(lambda file: torch.save(value, file, _use_new_zipfile_serialization=zipped))


def _buffer(write: Callable[[io.BytesIO], object]) -> bytes:
    file = io.BytesIO()
    write(file)
    return file.getvalue()


def readers(registry: Registry) -> dict[str, Load]:
    """Everything in hdf that reads a file that a stranger may have made."""
    return {
        "state.pt of a checkpoint": lambda folder, content: last_epoch(
            RunFolder(_put(folder, "checkpoints/last/state.pt", content).parents[2])
        ),
        "model file": lambda folder, content: load_model(
            _put(folder, "m.safetensors", content), registry
        ),
        "model file by name": lambda folder, content: load_model(
            _put(folder, "m.pt", content), registry
        ),
        "exported model": lambda folder, content: OnnxModel(_put(folder, "m.onnx", content)),
        **{f"weights{suffix}": _weights(suffix) for suffix in (".pt", ".pth", ".safetensors")},
        **{f"image{suffix}": _image(suffix) for suffix in (".npy", ".npz", ".png", ".dcm")},
        **{f"mask{suffix}": _mask(suffix) for suffix in (".npy", ".npz")},
        "recipe": lambda folder, content: check_recipe(
            resolve(_put(folder, "r.yaml", content), []), registry
        ),
        "override": lambda folder, content: resolve(Path("vgg16_mse"), [content.decode("latin-1")]),
        "recipe that is extended": _extended,
        "table": _table,
        "annotations": _annotations,
        "list of a split": _list,
        "store's header": _header,
        "store's journal": _journal,
        "calibration": lambda folder, content: read_calibration(
            _put(folder, "calibration.json", content).parent
        ),
        "status of a run": lambda folder, content: status_of(
            _put(folder, "status.json", content).parent
        ),
    }


def _put(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def _weights(suffix: str) -> Load:
    def load(folder: Path, content: bytes) -> object:
        path = _put(folder, f"w{suffix}", content)
        try:
            return read_state(path)
        except Exception as error:  # a backbone's constructor is placed by the engine
            raise user_error(str(error), str(path)) from error

    return load


def _image(suffix: str) -> Load:
    return lambda folder, content: read_image(_put(folder, f"a{suffix}", content))


def _mask(suffix: str) -> Load:
    return lambda folder, content: read_mask(_put(folder, f"a{suffix}", content))


def _extended(folder: Path, content: bytes) -> object:
    _put(folder, "base.yaml", content)
    return resolve(_put(folder, "r.yaml", b"extends: base.yaml"), [])


def _images(folder: Path) -> Path:
    (folder / "images").mkdir()
    Image.fromarray(np.ones((4, 4), np.uint8)).save(folder / "images/a.png")
    return folder / "images"


def _table(folder: Path, content: bytes) -> object:
    return CsvBoxes(images=_images(folder), table=_put(folder, "t.csv", content)).records()


def _annotations(folder: Path, content: bytes) -> object:
    path = _put(folder, "t.json", content)
    return Coco(images=_images(folder), annotations=path).records()


def _list(folder: Path, content: bytes) -> object:
    path = str(_put(folder, "ids.txt", content))
    return split_samples([], ListSplit(lists=Lists(train=path, val=path)), 0)


def _header(folder: Path, content: bytes) -> object:
    path = _put(folder, "store/header.json", content).parent
    return StoreFolder(path, (4, 4), {})


def _journal(folder: Path, content: bytes) -> object:
    store = StoreFolder(folder / "store", (4, 4), {})
    _put(folder, "store/journal.jsonl", content)
    _put(folder, "store/images.u8", content)
    return store.pixels.lines(lambda line: True)
