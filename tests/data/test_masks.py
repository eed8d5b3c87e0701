"""Masks on their way to a head: read once, packed, kept beside the images, right in each batch."""

from __future__ import annotations

import inspect
import os
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch
from kornia.augmentation import RandomAffine
from torch import Tensor

from hdf import Sample, Target
from hdf.augmentation.pipeline import Augment
from hdf.boxes import mask_bounds
from hdf.data.batches import Batches
from hdf.data.dataset import wants_masks
from hdf.data.flat_file import ImageFile
from hdf.data.folder import StoreFolder
from hdf.data.masks import add_masks
from hdf.data.store import Skipped, Store, build_store, pack, read_into, unpack
from hdf.recipe.check import check_recipe
from hdf.recipe.merge import resolve
from hdf.registry.registry import discover
from hdf.runtime import resources
from hdf.types import Targets, pad_targets
from tests.training.test_run import run

SIZE = (16, 22)
ORIGINAL = (32, 44)
LABELS = ("heart", "left_lung")
COUNT = 5
READ: list[str] = []


def image(path: Path) -> Tensor:
    READ.append(f"image {path.stem}")
    return torch.full((1, *ORIGINAL), int(path.read_text()) / 255)


def masks(files: list[Path]) -> Tensor:
    """A rectangle from column 4 to the one that the file names."""
    READ.append(f"masks {files[0].stem}")
    found = torch.zeros(len(files), *ORIGINAL, dtype=torch.bool)
    for mask, file in zip(found, files, strict=True):
        mask[6:20, 4 : int(file.read_text())] = True
    return found


def sample(folder: Path, id: str, labels: tuple[str, ...] = LABELS, box: float = 40.0) -> Sample:
    files = [folder / label / f"{id}.txt" for label in labels]
    return Sample(
        id,
        partial(image, folder / f"{id}.txt"),
        Target(torch.tensor([4.0, 6, box, 20]).repeat(len(labels), 1), labels),
        read_masks=partial(masks, files) if files else None,
        files=(folder / f"{id}.txt",),
        mask_files=tuple(files),
    )


@pytest.fixture
def originals(tmp_path: Path) -> Path:
    folder = tmp_path / "originals"
    for label in LABELS:
        (folder / label).mkdir(parents=True)
    for number in range(COUNT):
        (folder / f"{number}.txt").write_text(str(100 + number))
        for shift, label in enumerate(LABELS):
            (folder / label / f"{number}.txt").write_text(str(20 + 2 * number + 10 * shift))
    READ.clear()
    return folder


def samples(folder: Path, labels: tuple[str, ...] = LABELS, box: float = 40.0) -> list[Sample]:
    """The last one has neither boxes nor masks."""
    given = [sample(folder, str(number), labels, box) for number in range(COUNT - 1)]
    return [*given, sample(folder, str(COUNT - 1), ())]


def prepared(
    path: Path, given: list[Sample], labels: tuple[str, ...] = LABELS
) -> tuple[Store, list[Skipped]]:
    folder = StoreFolder(path, SIZE, {})
    store, _, _ = read_into(folder.pixels, given, labels, SIZE, "stretch")
    READ.append("—")
    return add_masks(store, "stretch", folder.masks)  # type: ignore[arg-type, return-value]


def in_memory(given: list[Sample], labels: tuple[str, ...] = LABELS) -> Store:
    store, _ = add_masks(build_store(given, labels, SIZE, "stretch"), "stretch")
    assert store is not None
    return store


def dealt(store: Store) -> Targets:
    """The targets of all images, as batches give them."""
    batches = list(Batches(store, range(len(store)), 2).in_order())
    found = [batch.targets.masks for batch in batches]
    return replace(store.targets, masks=torch.cat(found))  # type: ignore[arg-type]


def same_as_memory(store: Store, given: list[Sample], labels: tuple[str, ...] = LABELS) -> bool:
    found, memory = dealt(store).masks, dealt(in_memory(given, labels)).masks
    return found is not None and memory is not None and torch.equal(found, memory)


@pytest.mark.parametrize("size", [(16, 22), (5, 7), (8, 8), (1, 1)])
def test_packing_takes_a_bit_a_pixel_and_loses_none(size: tuple[int, int]) -> None:
    given = torch.rand(3, *size, generator=torch.Generator().manual_seed(0)) > 0.5
    packed = pack(given)
    assert packed.shape == (3, -(-size[0] * size[1] // 8))
    assert torch.equal(unpack(packed, size), given)
    assert torch.equal(unpack(packed.view(3, 1, -1), size), given[:, None])


def test_batches_hold_the_masks_of_their_boxes(originals: Path) -> None:
    store = in_memory(samples(originals))
    assert store.targets.masks is None
    batch = next(Batches(store, [3, 4], 2).in_order())
    assert batch.targets.masks is not None
    assert mask_bounds(batch.targets.masks[0]).tolist() == [[2, 3, 13, 10], [2, 3, 18, 10]]
    assert not batch.targets.masks[1].any()


def test_masks_of_unwanted_labels_are_left_out(originals: Path) -> None:
    store = in_memory(samples(originals), ("left_lung",))
    found = dealt(store).masks
    assert found is not None and found.shape == (COUNT, 1, *SIZE)
    assert mask_bounds(found[0, 0]).tolist() == [2, 3, 15, 10]


def test_where_no_image_has_masks_all_are_unknown(originals: Path, tmp_path: Path) -> None:
    given = [replace(item, read_masks=None, mask_files=()) for item in samples(originals)]
    for store in (in_memory(given), prepared(tmp_path / "store", given)[0]):
        found, known = dealt(store).masks_per_label(2)
        assert found.shape == (COUNT, 2, *SIZE)
        assert not found.any() and not known.any()


def test_a_second_reading_reads_nothing(originals: Path, tmp_path: Path) -> None:
    given = samples(originals)
    assert same_as_memory(prepared(tmp_path / "store", given)[0], given)
    READ.clear()
    store, skipped = prepared(tmp_path / "store", given)
    assert (READ, skipped) == (["—"], [])
    assert same_as_memory(store, given)
    assert (tmp_path / "store/masks.bits").stat().st_size == (COUNT - 1) * 2 * 44


def test_masks_are_added_to_images_that_are_there(originals: Path, tmp_path: Path) -> None:
    given = samples(originals)
    read_into(StoreFolder(tmp_path / "store", SIZE, {}).pixels, given, LABELS, SIZE, "stretch")
    READ.clear()
    store, _ = prepared(tmp_path / "store", given)
    assert sorted(READ) == [*(f"masks {number}" for number in range(COUNT - 1)), "—"]
    assert same_as_memory(store, given)


def test_a_mended_box_reads_nothing(originals: Path, tmp_path: Path) -> None:
    prepared(tmp_path / "store", samples(originals))
    READ.clear()
    prepared(tmp_path / "store", samples(originals, box=30.0))
    assert READ == ["—"]


def test_another_choice_of_labels_reads_only_what_is_new(originals: Path, tmp_path: Path) -> None:
    """Whether the loader states the boxes of all labels, or of the wanted ones alone."""
    prepared(tmp_path / "store", samples(originals))
    for given in (samples(originals), samples(originals, ("left_lung",))):
        READ.clear()
        store, _ = prepared(tmp_path / "store", given, ("left_lung",))
        assert READ == ["—"]
        assert same_as_memory(store, given, ("left_lung",))
    prepared(tmp_path / "less", samples(originals, ("heart",)))
    READ.clear()
    store, _ = prepared(tmp_path / "less", samples(originals))
    assert READ[0] == "—" and len(READ) == COUNT
    assert same_as_memory(store, samples(originals))


def test_a_changed_mask_is_read_alone(originals: Path, tmp_path: Path) -> None:
    prepared(tmp_path / "store", samples(originals))
    (originals / "left_lung/2.txt").write_text("43")
    READ.clear()
    store, _ = prepared(tmp_path / "store", samples(originals))
    assert READ == ["—", "masks 2"]
    assert same_as_memory(store, samples(originals))


def test_a_deleted_box_of_several_takes_its_own_mask_along(originals: Path, tmp_path: Path) -> None:
    """Masks that no file tells apart are read again where the number of boxes has changed."""
    twice = sample(originals, "0", ("heart", "heart"))
    both = [originals / "heart/0.txt", originals / "left_lung/0.txt"]
    twice = replace(twice, read_masks=partial(masks, both), mask_files=())
    prepared(tmp_path / "store", [twice])
    target = Target(torch.tensor([[4.0, 6, 30, 20]]), ("heart",))
    second = replace(twice, target=target, read_masks=partial(masks, both[1:]))
    store, _ = prepared(tmp_path / "store", [second])
    assert same_as_memory(store, [second])


def cut_masks(store: Path) -> None:
    os.truncate(store / "masks.bits", 44 * 3 + 5)


def flip_a_bit(store: Path) -> None:
    bits = bytearray((store / "masks.bits").read_bytes())
    bits[44 * 5 + 3] ^= 4
    (store / "masks.bits").write_bytes(bits)


def cut_journal(store: Path) -> None:
    os.truncate(store / "masks.jsonl", (store / "masks.jsonl").stat().st_size - 30)


def spoil_journal(store: Path) -> None:
    lines = (store / "masks.jsonl").read_bytes().splitlines()
    lines[0], lines[1], lines[2] = b'{"index": true', b'{"keys": 3}', b"[]"
    (store / "masks.jsonl").write_bytes(b"\n".join(lines))


def lose_masks(store: Path) -> None:
    (store / "masks.bits").unlink()


@pytest.mark.parametrize(
    ("damage", "lost"),
    [(cut_masks, 3), (flip_a_bit, 1), (cut_journal, 1), (spoil_journal, 3), (lose_masks, 4)],
)
def test_what_is_damaged_is_read_again(
    originals: Path, tmp_path: Path, damage: object, lost: int
) -> None:
    prepared(tmp_path / "store", samples(originals))
    damage(tmp_path / "store")  # type: ignore[operator]
    for expected in (lost, 0):
        READ.clear()
        store, _ = prepared(tmp_path / "store", samples(originals))
        assert (READ[0], len(READ)) == ("—", 1 + expected)
    assert same_as_memory(store, samples(originals))


def test_streamed_and_resident_masks_are_the_same(
    originals: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    streamed, _ = prepared(tmp_path / "store", samples(originals))
    resident = streamed.to(torch.device("cpu"))
    monkeypatch.setattr(resources, "available_bytes", lambda device: 0)
    streamed = streamed.to(torch.device("cpu"))
    assert streamed.masks is not None and isinstance(streamed.masks.packed, ImageFile)
    assert resident.masks is not None and isinstance(resident.masks.packed, Tensor)
    pairs = zip(
        Batches(streamed, [3, 0, 4, 1], 3).shuffled(1, 2),
        Batches(resident, [3, 0, 4, 1], 3).shuffled(1, 2),
        strict=True,
    )
    for one, other in pairs:
        assert torch.equal(one.targets.masks, other.targets.masks)
    assert streamed.digest() == resident.digest()


@pytest.mark.parametrize("folder", [True, False])
def test_samples_whose_masks_are_bad_are_left_out_and_tried_again(
    originals: Path, tmp_path: Path, folder: bool
) -> None:
    given = samples(originals)
    (originals / "heart/1.txt").write_text("no number")
    given[2] = replace(given[2], read_masks=lambda: torch.zeros(2, 3, 3, dtype=torch.bool))
    given[3] = replace(given[3], read_masks=lambda: torch.zeros(1, *ORIGINAL, dtype=torch.bool))
    if folder:
        store, skipped = prepared(tmp_path / "store", given)
    else:
        found, skipped = add_masks(build_store(given, LABELS, SIZE, "stretch"), "stretch")
        assert found is not None
        store = found
    assert [str(error) for _, error in skipped] == [
        "1: its masks can't be read: ValueError: invalid literal for int() with base 10: "
        "'no number'",
        "2: a mask has 3 x 3 pixels; its image has 32 x 44",
        "3: the loader gave masks of [1, 32, 44] for 2 boxes",
    ]
    assert [item.id for item in store.samples] == ["0", "4"]
    batch = next(Batches(store, [0, 1], 2).in_order())
    assert batch.targets.masks is not None
    assert batch.targets.masks.flatten(1).any(1).tolist() == [True, False]
    assert batch.images[:, 0, 0, 0].mul(255).round().tolist() == [100, 104]


def test_no_usable_sample_gives_no_store(originals: Path) -> None:
    bad = replace(sample(originals, "0"), read_masks=lambda: None)  # type: ignore[arg-type, return-value]
    store, [(_, error)] = add_masks(build_store([bad], LABELS, SIZE), "stretch")
    assert store is None
    assert "0: the loader gave masks of NoneType, expected bool [N, H, W]" in str(error)


def _targets() -> Targets:
    """Two hearts, of which the second is the larger one, and a lung without a mask."""
    boxes = torch.tensor([[2.0, 2, 6, 6], [4, 4, 16, 12], [1, 1, 9, 9]])
    kept = torch.zeros(3, *SIZE, dtype=torch.bool)
    kept[0, 2:6, 2:6], kept[1, 4:12, 4:16] = True, True
    return pad_targets([boxes], [torch.tensor([0, 0, 1])], [kept])


def test_the_mask_of_a_label_is_that_of_its_largest_box() -> None:
    found, known = _targets().masks_per_label(3)
    assert mask_bounds(found[0, 0]).tolist() == [4, 4, 16, 12]
    assert known.tolist() == [[True, False, False]]
    assert not found[0, 1:].any()


def test_masks_that_were_not_read_are_told() -> None:
    with pytest.raises(ValueError, match="uses_masks = True"):
        replace(_targets(), masks=None).masks_per_label(2)


def test_masks_follow_an_augmentation_and_are_unknown_where_the_box_is_gone(
    originals: Path,
) -> None:
    store = in_memory(samples(originals))
    batch = next(Batches(store, range(4), 4).in_order())
    moved = Augment([RandomAffine(0.0, translate=(1.0, 1.0), p=1.0)], SIZE)(batch, (4,))
    found, known = moved.targets.masks_per_label(2)
    _, present = moved.targets.one_per_label(2)
    assert 0 < int(present.sum()) < 8
    assert not known[~present].any() and not found[~present].any()
    assert known[present].any()


def test_two_mask_files_of_one_box_are_refused() -> None:
    with pytest.raises(ValueError, match="0 boxes and 1 mask_files"):
        Sample("a", lambda: torch.zeros(1, 2, 2), mask_files=(Path("a.png"),))


HEAD = """
import hdf
from hdf_plugins.heads.box_regression import BoxRegression
SEEN = []
class MaskHead(BoxRegression):
    uses_masks = True
    def __init__(self, channels, strides, labels, image_size, *, pool: int = 1) -> None:
        super().__init__(channels, strides, labels, image_size, hidden=(8,), pool=(pool, pool))
    def loss(self, raw, batch):
        masks, known = batch.targets.masks_per_label(len(self.labels))
        SEEN.append((masks, known, batch.targets))
        return {**super().loss(raw, batch), "area": raw.mean() * masks.float().mean()}
@hdf.hookimpl
def hdf_heads(register): register("mask_head", MaskHead)
"""


@pytest.mark.parametrize("store", ["memory", "store"])
def test_a_head_that_uses_masks_gets_them_augmented(
    tiny_recipe: Path, tmp_path: Path, store: str
) -> None:
    (tmp_path / "mask_head.py").write_text(HEAD)
    place = store if store == "memory" else str(tmp_path / store)
    changes = [
        "model.head={use: mask_head}",
        "data.labels=[left_lung, heart]",
        f"data.store={place}",
        "train.epochs=1",
    ]
    registry = discover(tmp_path)
    run(tiny_recipe, tmp_path / "run", *changes, registry=registry)
    seen = inspect.getmodule(registry.find("head", "mask_head").load()).SEEN  # type: ignore[union-attr]
    assert len(seen) >= 1 + 2 + 1  # the try, the training batches, a validation batch
    for found, known, targets in seen[1:]:
        assert found.shape[1:] == (2, 32, 32)
        assert known.all()
        boxes, _ = targets.one_per_label(2)  # bounds of masks, but by ellipses once they turn
        torch.testing.assert_close(mask_bounds(found), boxes, atol=2.5, rtol=0)


def test_masks_are_wanted_by_box_bounds_or_by_the_head_alone(
    tiny_recipe: Path, tmp_path: Path
) -> None:
    (tmp_path / "mask_head.py").write_text(HEAD)
    registry = discover(tmp_path)

    def wanted(*changes: str) -> bool:
        return wants_masks(check_recipe(resolve(tiny_recipe, list(changes)), registry))

    assert not wanted()
    assert wanted("data.box_bounds=mask")
    assert wanted("model.head={use: mask_head}")
