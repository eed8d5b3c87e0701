"""Boxes from masks."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from hdf import Sample, UserError
from hdf.boxes import largest_component
from hdf_plugins.loaders.csv_boxes import CsvBoxes
from hdf_plugins.loaders.mask_boxes import MaskBoxes

LABELS = ("heart", "lung")


def _save(path: Path, *rectangles: tuple[int, int, int, int], size: tuple[int, int]) -> None:
    mask = np.zeros(size, dtype=bool)
    for x0, y0, x1, y1 in rectangles:
        mask[y0:y1, x0:x1] = True
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(mask).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Images of 40 x 50 pixels: a has both masks, b has a lung and an empty heart."""
    (tmp_path / "images").mkdir()
    for name in "ab":
        Image.new("L", (50, 40), 128).save(tmp_path / "images" / f"{name}.png")
    masks = tmp_path / "masks"
    _save(masks / "heart" / "a.png", (20, 10, 30, 30), (2, 2, 5, 5), size=(40, 50))
    _save(masks / "lung" / "a.png", (1, 3, 9, 39), size=(40, 50))
    _save(masks / "heart" / "b.png", size=(40, 50))
    _save(masks / "lung" / "b.png", (5, 6, 7, 8), size=(40, 50))
    return tmp_path


def _records(folder: Path, labels: tuple[str, ...] = LABELS, **more: object) -> dict[str, Sample]:
    options = {"images": folder / "images", "masks": folder / "masks", **more}
    return {sample.id: sample for sample in MaskBoxes(labels, **options).records()}  # type: ignore[arg-type]


def test_boxes_bound_the_largest_part(folder: Path) -> None:
    samples = _records(folder)
    first, second = samples["a"].target, samples["b"].target
    assert first is not None
    assert second is not None
    assert first.labels == LABELS
    assert first.boxes.tolist() == [[20, 10, 30, 30], [1, 3, 9, 39]]
    assert first.frame == (40, 50)
    assert second.labels == ("lung",)
    assert second.boxes.tolist() == [[5, 6, 7, 8]]
    read_masks = samples["a"].read_masks
    assert read_masks is not None
    assert read_masks().sum((-1, -2)).tolist() == [200, 8 * 36]


def test_only_the_labels_of_the_recipe_are_read(folder: Path) -> None:
    (folder / "masks" / "lung" / "b.png").write_bytes(b"damaged")
    assert not any(sample.faults for sample in _records(folder, ("heart",)).values())
    (fault,) = _records(folder)["b"].faults
    assert fault.startswith(str(folder / "masks" / "lung" / "b.png"))


def test_masks_of_another_size(folder: Path) -> None:
    for label in LABELS:
        _save(folder / "masks" / label / "a.png", (10, 5, 15, 15), size=(20, 25))
    sample = _records(folder)["a"]
    assert sample.target is not None
    assert sample.target.frame == (20, 25)
    assert sample.read_masks is not None
    with pytest.raises(UserError, match="the mask has 20 x 25 pixels; its image has 40 x 50"):
        sample.read_masks()
    _save(folder / "masks" / "lung" / "a.png", (1, 3, 9, 39), size=(40, 50))
    (fault,) = _records(folder)["a"].faults
    assert "40 x 50 pixels; another of this image has 20 x 25" in fault


def test_images_and_masks_without_one_another(folder: Path) -> None:
    Image.new("L", (50, 40)).save(folder / "images" / "c.png")
    _save(folder / "masks" / "lung" / "d.png", (5, 6, 7, 8), size=(40, 50))
    Image.new("L", (50, 40)).save(folder / "images" / "a.jpg")
    samples = _records(folder)
    assert "no mask of any label" in samples["c"].faults[0]
    assert "`unlisted: ignore`" in samples["c"].faults[0]
    assert "d.png: no image of this name" in samples["d"].faults[0]
    assert "a.jpg, a.png have one stem" in samples["a"].faults[0]
    assert sorted(_records(folder, unlisted="ignore")) == ["a", "b", "d"]


def test_a_mask_belongs_to_an_image_in_another_case_or_folder(folder: Path) -> None:
    images = folder / "images"
    (images / "ward").mkdir()
    (images / "a.png").rename(images / "A.PNG")
    (images / "b.png").rename(images / "ward" / "b.png")
    samples = _records(folder)
    assert [(id, sample.faults) for id, sample in samples.items()] == [("A", ()), ("ward/b", ())]
    with pytest.raises(UserError, match=r"for data\.labels LUNG; did you mean 'lung'\?"):
        _records(folder, ("LUNG",))


def test_folders_that_are_missing_are_told_together(folder: Path) -> None:
    with pytest.raises(UserError) as caught:
        _records(folder, ("liver",), images=folder / "nowhere")
    first, second = caught.value.problems
    assert "there is no such folder" in first.message
    assert second.message == "no sub-folder for data.labels liver; there are: heart, lung"
    with pytest.raises(UserError, match="no such folder of masks"):
        _records(folder, masks=folder / "nowhere")


def test_an_image_may_lack_a_label(folder: Path) -> None:
    (folder / "masks" / "heart" / "a.png").unlink()
    target = _records(folder)["a"].target
    assert target is not None
    assert target.labels == ("lung",)


def test_parts_that_touch_at_a_corner_are_two() -> None:
    mask = torch.zeros(4, 4, dtype=torch.bool)
    mask[0, :3] = mask[1, 3] = mask[2:, 0] = True
    assert largest_component(mask).nonzero().tolist() == [[0, 0], [0, 1], [0, 2]]
    assert not largest_component(torch.zeros(3, 3, dtype=torch.bool)).any()


DATA = os.environ.get("HDF_TEST_DATA", "")


@pytest.mark.skipif(not DATA, reason="HDF_TEST_DATA names no folder of radiographs")
def test_chest200_masks_give_its_table() -> None:
    home = Path(DATA) / "chest200"
    table = CsvBoxes(images=home / "images", table=home / "boxes.csv").records()
    labels = ("heart", "left_lung", "right_lung")
    masks = MaskBoxes(labels, images=home / "images", masks=home / "masks").records()
    assert len(masks) == len(table) == 200
    for one, other in zip(masks, table, strict=True):
        assert one.target is not None
        assert other.target is not None
        assert one.id == other.id
        assert one.target.labels == other.target.labels == labels
        assert one.target.frame == other.target.frame
        assert torch.equal(one.target.boxes, other.target.boxes)
