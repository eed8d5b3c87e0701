"""Damaged model files and prepared stores: refused, or read as they were; never read wrong."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from hdf.data.folder import StoreFolder
from hdf.data.masks import add_masks
from hdf.data.store import read_into
from hdf.models.file import load_model, save_model
from hdf.registry.registry import discover
from hdf_plugins.loaders.mask_boxes import MaskBoxes
from tests.detectors import small_detector
from tests.faults.damage import DAMAGES
from tests.faults.outcome import Outcome
from tests.faults.watched import attempt

SIZE = (16, 24)
Try = Callable[[Outcome, int], None]


def bench(count: int) -> Outcome:
    """Damage so many files; every other one is a model."""
    outcome = Outcome()
    with tempfile.TemporaryDirectory() as name:
        tries = [_models(Path(name)), *_stores(Path(name))]
        for number in range(count):
            tried = tries[0] if number % 2 == 0 else tries[1 + number // 2 % (len(tries) - 1)]
            tried(outcome, number)
    return outcome


def _damaged(path: Path, number: int) -> str:
    """Damage a file; returns how."""
    rng = np.random.default_rng([3, number])
    damage = DAMAGES[rng.integers(len(DAMAGES))]
    path.write_bytes(damage(path.read_bytes(), rng))
    return f"{path.name} {damage.__name__} {number}"


def _models(folder: Path) -> Try:
    registry, path = discover(), folder / "model.safetensors"
    detector = small_detector(registry)
    save_model(detector, path)
    whole, tensors = path.read_bytes(), detector.state_dict()

    def load() -> str:
        found = load_model(path, registry)
        assert found.spec == detector.spec, "another description"
        for name, value in found.state_dict().items():
            assert torch.equal(value, tensors[name]), f"another {name}"
        return "as it was"

    def tried(outcome: Outcome, number: int) -> None:
        path.write_bytes(whole)
        attempt(outcome, _damaged(path, number), load)

    return tried


def _stores(folder: Path) -> list[Try]:
    """One for each file of a store."""
    loader = _images(folder)
    path = folder / "store"

    def read() -> str:
        images = StoreFolder(path, SIZE, {"resize": "stretch"})
        store, bad, reused = read_into(images.pixels, loader.records(), ("heart",), SIZE, "stretch")
        assert store is not None and not bad
        there = images.masks.lines(lambda entry: True)
        masked, bad = add_masks(store, "stretch", images.masks)
        assert masked is not None and not bad
        assert digest in ("", masked.digest()), "other images or masks"
        again = min(reused, len(there))
        return "as it was" if again == len(store) else "decoded again"

    digest = ""
    read()
    images = StoreFolder(path, SIZE, {"resize": "stretch"})
    store, _, _ = read_into(images.pixels, loader.records(), ("heart",), SIZE, "stretch")
    assert store is not None
    masked, _ = add_masks(store, "stretch", images.masks)
    assert masked is not None
    digest = masked.digest()
    whole = {file: file.read_bytes() for file in path.iterdir()}

    def damaging(file: Path) -> Try:
        def tried(outcome: Outcome, number: int) -> None:
            for other, content in whole.items():
                other.write_bytes(content)
            attempt(outcome, _damaged(file, number), read)

        return tried

    return [damaging(file) for file in sorted(whole) if whole[file] and file.suffix != ".txt"]


def _images(folder: Path) -> MaskBoxes:
    rng = np.random.default_rng(0)
    for name in ("a", "b", "c", "d"):
        mask = np.zeros((40, 60), np.uint8)
        left, top = rng.integers(2, 20, 2)
        mask[top : top + 15, left : left + 25] = 255
        for place, pixels in (
            ("images", rng.integers(1, 255, (40, 60), np.uint8)),
            ("heart", mask),
        ):
            (folder / place).mkdir(exist_ok=True)
            Image.fromarray(pixels).save(folder / place / f"{name}.png")
    return MaskBoxes(("heart",), images=folder / "images", masks=folder)
