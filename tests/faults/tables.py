"""Tables of strangers: samples that can be trained on, or clear words."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from hdf import Sample
from hdf.data.flat_file import MemorySlots
from hdf.data.split import split_samples
from hdf.data.store import ImageLine, read_into, refuse_unusable
from hdf.errors import placed
from hdf.recipe.splits import Lists, ListSplit
from hdf_plugins.loaders.coco import Coco
from hdf_plugins.loaders.concat import Concat
from hdf_plugins.loaders.csv_boxes import CsvBoxes
from hdf_plugins.loaders.mask_boxes import MaskBoxes
from tests.faults.outcome import Outcome
from tests.faults.strange import seeded
from tests.faults.table_texts import IMAGES, coco_files, csv_tables, lists
from tests.faults.watched import attempt

LABELS = ("heart", "left_lung")
Read = Callable[[Path, bytes], str]


def bench(count: int) -> Outcome:
    """Read so many tables, with every loader that reads any."""
    outcome = Outcome()
    with tempfile.TemporaryDirectory() as name:
        folder = _images(Path(name))
        cases: st.SearchStrategy[Any] = (
            st.tuples(st.sampled_from((_csv, _csv_masks, _csv_lenient)), csv_tables())
            | st.tuples(st.sampled_from((_coco, _concat)), coco_files())
            | st.tuples(st.just(_mask), st.binary(max_size=80) | _bent_masks(folder))
            | st.tuples(st.just(_lists), lists())
            | st.tuples(st.sampled_from((_csv, _coco, _lists)), st.binary())
        )

        @seeded(count)
        @given(cases)
        def one(case: tuple[Read, bytes]) -> None:
            read, content = case
            attempt(outcome, f"{read.__name__} {content[:600]!r}", lambda: read(folder, content))

        one()
    return outcome


def _images(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    pixels = rng.integers(1, 255, (48, 40), np.uint8)
    disc = np.zeros((48, 40), np.uint8)
    disc[10:30, 8:30] = 255
    masks = [f"masks/{label}/{name}" for label in LABELS for name in IMAGES]
    files = {f"images/{name}": pixels for name in IMAGES} | dict.fromkeys(masks, disc)
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(content).save(folder / name)
    (folder / "secret.png").write_bytes((folder / "images/a.png").read_bytes())
    return folder


def _bent_masks(folder: Path) -> st.SearchStrategy[bytes]:
    whole = (folder / "masks/heart/b.png").read_bytes()

    @st.composite
    def bent(draw: Any) -> bytes:
        content = bytearray(whole[: draw(st.sampled_from((len(whole), 60, 20)))])
        for _ in range(draw(st.integers(0, 3))):
            content[draw(st.integers(0, len(content) - 1))] ^= 1 << draw(st.integers(0, 7))
        return bytes(content)

    return bent()


def _written(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def _csv(folder: Path, content: bytes) -> str:
    table = _written(folder, "boxes.csv", content)
    return judged(folder, CsvBoxes(images=folder / "images", table=table).records())


def _csv_lenient(folder: Path, content: bytes) -> str:
    table = _written(folder, "boxes.csv", content)
    loader = CsvBoxes(images=folder / "images", table=table, unlisted="ignore")
    return judged(folder, loader.records())


def _csv_masks(folder: Path, content: bytes) -> str:
    table = _written(folder, "boxes.csv", content)
    loader = CsvBoxes(images=folder / "images", table=table, masks=folder / "masks")
    return judged(folder, loader.records())


def _coco(folder: Path, content: bytes) -> str:
    annotations = _written(folder, "boxes.json", content)
    return judged(folder, Coco(images=folder / "images", annotations=annotations).records())


def _concat(folder: Path, content: bytes) -> str:
    annotations = _written(folder, "boxes.json", content)
    loader = Coco(images=folder / "images", annotations=annotations)
    return judged(folder, Concat(sources={"one": loader, "two": loader}).records())


def _mask(folder: Path, content: bytes) -> str:
    _written(folder, "masks/heart/a.png", content)
    loader = MaskBoxes(LABELS, images=folder / "images", masks=folder / "masks")
    return judged(folder, loader.records())


def _lists(folder: Path, content: bytes) -> str:
    """A list of images that a recipe names."""
    train = _written(folder, "train.txt", content)
    val = folder / "val.txt"
    val.write_text("c\n")
    samples = [
        Sample(Path(name).stem, read=lambda: torch.zeros(1, 4, 4), group=name) for name in IMAGES
    ]
    split = ListSplit(lists=Lists(train=str(train), val=str(val)))
    with placed("recipe"):
        sides = split_samples(samples, split, 0)
    assert not set(sides.train) & set(sides.val)
    return "read"


def judged(folder: Path, samples: Sequence[Sample]) -> str:
    """Read what can be; all of it must be sound, and lie in the folder that was named."""
    with placed("recipe"):
        refuse_unusable(samples)
    for sample in samples:
        for file in (*sample.files, *sample.mask_files):
            allowed = (folder / "images", folder / "masks")
            assert any(place in file.resolve().parents for place in allowed), file
        assert all(map(str.strip, sample.faults))
    slots = MemorySlots[ImageLine](len(samples), 256)
    store, bad, _ = read_into(slots, samples, LABELS, (16, 16), "letterbox")
    for id, error in bad:
        assert id and error.problems and all(item.message for item in error.problems)
    if store is None:
        return "all refused"
    for image, target in zip(store.geometry, store.originals, strict=True):
        height, width = image.original_size
        x0, y0, x1, y1 = target.boxes.unbind(1)
        assert torch.isfinite(target.boxes).all()
        assert ((x0 < x1) & (y0 < y1) & (x0 >= 0) & (y0 >= 0)).all()
        assert ((x1 <= width) & (y1 <= height)).all(), target
    return "some refused" if bad else "read"
