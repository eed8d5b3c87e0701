"""Resizing, decoding once, and batches."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from torch import Tensor

from hdf import Sample, Target, UserError
from hdf.boxes import mask_bounds
from hdf.data.batches import Batches
from hdf.data.folder import code_of
from hdf.data.resize import resize_image, resize_masks
from hdf.data.store import Store, build_store, refuse_absent_labels, refuse_unusable
from hdf.recipe.check import check_recipe
from hdf.recipe.merge import resolve
from hdf.registry.registry import discover

SIZE = (32, 48)


def painted(height: int, width: int, box: tuple[int, int, int, int]) -> Tensor:
    x0, y0, x1, y1 = box
    image = torch.zeros(1, height, width)
    image[:, y0:y1, x0:x1] = 1.0
    return image


def sample(id: str, image: Tensor, *boxes: tuple[float, ...], **more: object) -> Sample:
    target = Target(torch.tensor(boxes).view(-1, 4), ("heart",) * len(boxes))
    fields: dict[str, object] = {"target": target, **more}
    return Sample(id, lambda: image, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize("resize", ["letterbox", "stretch"])
@pytest.mark.parametrize("original", [(64, 96), (100, 50), (31, 200), (16, 16)])
def test_boxes_stay_on_what_they_bound(
    resize: Literal["letterbox", "stretch"], original: tuple[int, int]
) -> None:
    height, width = original
    box = (width // 4, height // 4, width - width // 4, height - height // 4)
    image, geometry = resize_image(painted(height, width, box), SIZE, resize)
    assert image.shape == (1, *SIZE)
    mapped = geometry.to_network(torch.tensor(box).float())
    torch.testing.assert_close(mask_bounds(image[0] > 0.5), mapped, atol=1.0, rtol=0)
    torch.testing.assert_close(geometry.to_original(mapped), torch.tensor(box).float())


def test_letterbox_keeps_the_aspect_ratio() -> None:
    _, geometry = resize_image(torch.zeros(1, 100, 50), SIZE, "letterbox")
    assert geometry.scale == (0.32, 0.32)
    assert geometry.offset == (16.0, 0.0)


def test_resizing_averages_what_a_pixel_covers() -> None:
    checkers = (torch.arange(128)[:, None] + torch.arange(192)) % 2
    image, _ = resize_image(checkers[None].float(), SIZE, "stretch")
    torch.testing.assert_close(image, torch.full((1, *SIZE), 0.5), atol=0.02, rtol=0)


def test_masks_follow_the_image() -> None:
    image = painted(64, 96, (10, 20, 50, 40))
    masks = resize_masks(image > 0.5, SIZE, "letterbox")
    assert mask_bounds(masks).tolist() == [[5, 10, 25, 20]]
    assert resize_masks(torch.zeros(0, 64, 96).bool(), SIZE, "stretch").shape == (0, *SIZE)


def store_of(*samples: Sample) -> Store:
    return build_store(samples, ("heart",), SIZE, "stretch")


def test_a_store_keeps_images_as_8_bit_grey_and_boxes_in_network_pixels() -> None:
    image = painted(64, 96, (20, 10, 60, 40))
    store = store_of(sample("a", image, (20, 10, 60, 40)), sample("b", image))
    assert store.images.dtype == torch.uint8
    assert store.images.shape == (2, 1, *SIZE)
    assert store.targets.boxes[0, 0].tolist() == [10, 5, 30, 20]
    assert store.targets.valid.tolist() == [[True], [False]]
    assert store.originals[0].boxes.tolist() == [[20, 10, 60, 40]]


def test_boxes_drawn_in_another_frame_are_rescaled() -> None:
    target = Target(torch.tensor([[56.0, 56, 112, 168]]), ("heart",), frame=(224, 224))
    store = store_of(Sample("a", lambda: torch.zeros(1, 1024, 512), target))
    torch.testing.assert_close(store.originals[0].boxes, torch.tensor([[128.0, 256, 256, 768]]))


def test_boxes_of_another_frame_are_told_with_what_mends_it() -> None:
    """Drawn at 1024 px on an array of 224, and on a film before its tag turned it."""
    with pytest.raises(UserError, match=r"img_shape_x and img_shape_y, or .* option `frame`$"):
        store_of(sample("far", torch.zeros(1, 64, 96), (400, 300, 700, 600)))
    boxes = torch.tensor([[5.0, 5, 20, 20]])
    turned = Target(boxes, ("heart",), frame=(96, 64))
    with pytest.raises(UserError, match="on an image of 64 x 96 pixels, which its orientation tag"):
        store_of(sample("turned", torch.zeros(1, 64, 96), target=turned))
    square = Target(boxes, ("heart",), frame=(64, 64))
    assert len(store_of(sample("square", torch.zeros(1, 64, 64), target=square))) == 1


def test_all_faults_of_all_samples_are_told_at_once() -> None:
    black = torch.zeros(1, 64, 96)

    def vanished() -> Tensor:
        raise OSError("vanished")

    bad = [
        Sample.broken("listed", "hearts.csv:2: row without an image"),
        Sample("gone", vanished, where="hearts.csv:3"),
        sample("outside", black, (0, 0, 100, 20), where="hearts.csv:4"),
        sample("flat", black, (5, 5, 5, 20)),
        sample("beside", black, (96, 5, 96.5, 20)),
        Sample("array", lambda: np.zeros((1, 4, 4))),  # type: ignore[arg-type, return-value]
        Sample("nothing", lambda: None),  # type: ignore[arg-type, return-value]
        sample("empty", torch.zeros(1, 0, 5)),
        sample("nan", black * torch.nan, (1, 1, 5, 5)),
        sample("bright", black + 2, (1, 1, 5, 5)),
        sample("colour", torch.zeros(3, 64, 96), (1, 1, 5, 5)),
        sample("double", black.double(), (1, 1, 5, 5)),
        sample("good", black, (1, 1, 5, 5)),
    ]
    with pytest.raises(UserError) as caught:
        store_of(*bad)
    found = [str(problem) for problem in caught.value.problems]
    assert found == [
        "hearts.csv:2: row without an image",
        "hearts.csv:3: can't be read: OSError: vanished",
        "hearts.csv:4: the heart box (0, 0, 100, 20) reaches outside its image of 96 x 64 pixels",
        "flat: the heart box (5, 5, 5, 20) has no area; expected x0 < x1 and y0 < y1",
        "beside: the heart box (96, 5, 96.5, 20) reaches outside its image of 96 x 64 pixels",
        "array: the loader gave a ndarray, expected a tensor float32 [1, H, W]",
        "nothing: the loader gave a NoneType, expected a tensor float32 [1, H, W]",
        "empty: the loader gave an image of float32 [1, 0, 5], expected float32 [1, H, W]",
        "nan: the loader gave pixels from nan to nan, expected 0 to 1",
        "bright: the loader gave pixels from 2 to 2, expected 0 to 1",
        "colour: the loader gave an image of float32 [3, 64, 96], expected float32 [1, H, W]",
        "double: the loader gave an image of float64 [1, 64, 96], expected float32 [1, H, W]",
    ]


@pytest.mark.parametrize(
    ("samples", "message"),
    [
        ([], "the data set is empty"),
        ([sample("a", torch.zeros(1, 9, 9)), sample("a", torch.zeros(1, 9, 9))], "have this id"),
    ],
)
def test_data_sets_that_cannot_be_told_apart_are_refused(
    samples: list[Sample], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        refuse_unusable(samples)


def test_a_data_set_without_boxes_is_refused() -> None:
    with pytest.raises(UserError, match="no boxes at all"):
        refuse_absent_labels(store_of(sample("a", torch.zeros(1, 9, 9))))


def test_boxes_of_unwanted_labels_are_not_looked_at() -> None:
    target = Target(torch.tensor([[1.0, 1, 5, 5], [9, 9, 2, 2]]), ("heart", "lung"))
    store = store_of(Sample("a", lambda: torch.zeros(1, 9, 9), target))
    assert store.originals[0].labels == ("heart",)


def test_a_label_that_never_occurs_is_told() -> None:
    with pytest.raises(UserError, match=r"data\.labels hart; its labels are: heart"):
        store = build_store([sample("a", torch.zeros(1, 9, 9), (1, 1, 5, 5))], ("hart",), SIZE)
        refuse_absent_labels(store)


def test_labels_that_differ_in_case_alone_are_told() -> None:
    boxes = torch.tensor([[1.0, 1, 5, 5]])
    samples = [
        sample(name, torch.zeros(1, 9, 9), target=Target(boxes, (label,)))
        for name, label in (("a", "Heart"), ("b", "heart"))
    ]
    with pytest.raises(UserError, match=r"did you mean 'Heart'\?"):
        refuse_absent_labels(build_store(samples[:1], ("HEART",), (8, 8)))
    with pytest.raises(UserError, match="some boxes are called 'Heart' and others 'heart'"):
        refuse_absent_labels(build_store(samples, ("heart",), (8, 8)))


def test_progress_counts_images() -> None:
    seen: list[tuple[int, int]] = []
    given = [sample(str(i), torch.zeros(1, 9, 9), (1, 1, 5, 5)) for i in range(3)]
    note: Callable[[int, int], None] = lambda done, total: seen.append((done, total))  # noqa: E731
    build_store(given, ("heart",), SIZE, progress=note)
    assert seen == [(1, 3), (2, 3), (3, 3)]


@pytest.fixture
def batches() -> Batches:
    given = [sample(str(i), torch.full((1, 32, 48), i / 32), (1, 1, 5 + i, 5)) for i in range(11)]
    store = build_store(given, ("heart",), SIZE)
    return Batches(store, range(1, 10), 4)


def test_an_epoch_is_dealt_into_nearly_equal_batches(batches: Batches) -> None:
    dealt = list(batches.in_order())
    assert [len(batch) for batch in dealt] == [3, 3, 3]
    assert torch.cat([batch.index for batch in dealt]).tolist() == list(range(1, 10))
    assert len(batches) == 3


def test_shuffling_keeps_images_with_their_boxes(batches: Batches) -> None:
    seen = []
    for batch in batches.shuffled(seed=0, epoch=1):
        torch.testing.assert_close(batch.images[:, 0, 0, 0], batch.index / 32, atol=0.002, rtol=0)
        assert (batch.targets.boxes[:, 0, 2] == 5 + batch.index).all()
        seen += batch.index.tolist()
    assert sorted(seen) == list(range(1, 10))
    assert seen != sorted(seen)


def test_the_order_depends_on_seed_and_epoch_alone(batches: Batches) -> None:
    def order(seed: int, epoch: int) -> list[int]:
        return [i for batch in batches.shuffled(seed, epoch) for i in batch.index.tolist()]

    assert order(0, 1) == order(0, 1)
    assert len({tuple(order(seed, epoch)) for seed in (0, 1) for epoch in (1, 2)}) == 4


def test_the_code_of_loaders_inside_a_loader_counts(tmp_path: Path) -> None:
    (tmp_path / "plugin.py").write_text(PLUGIN)
    (tmp_path / "recipe.yaml").write_text(
        "data:\n  loader: {use: concat, sources: {a: {use: mine}}}\n"
    )

    def code() -> str:
        checked = check_recipe(resolve(tmp_path / "recipe.yaml", []), discover(tmp_path))
        return code_of(checked.parts["data", "loader"])

    before = code()
    assert code() == before
    (tmp_path / "plugin.py").write_text(PLUGIN + "# another version\n")
    assert code() != before


HELPED = {
    "mypack/__init__.py": "",
    "mypack/loader.py": "from .reading import LEVEL\nclass Packed:\n    def records(self): ...\n",
    "mypack/reading.py": "from mypack.deeper import depths\nLEVEL = depths.LEVEL\n",
    "mypack/deeper/__init__.py": "",
    "mypack/deeper/depths.py": "import json\nLEVEL = 1\ndef read(): from .. import late\n",
    "mypack/late.py": "LEVEL = 1\n",
    "mypack/other.py": "",
    "beside.py": "LEVEL = 1\n",
    "plugin.py": """
import hdf
class Mine:
    def records(self):
        import beside, torch
@hdf.hookimpl
def hdf_loaders(register):
    register("mine", Mine)
    register("packed", "mypack.loader:Packed")
""",
}


@pytest.mark.parametrize(
    ("loader", "edited", "counts"),
    [
        ("packed", "mypack/reading.py", True),
        ("packed", "mypack/deeper/depths.py", True),
        ("packed", "mypack/late.py", True),
        ("packed", "mypack/other.py", False),
        ("packed", "plugin.py", False),
        ("mine", "beside.py", True),
        ("mine", "mypack/reading.py", False),
    ],
)
def test_the_code_that_a_loader_imports_of_its_own_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loader: str, edited: str, counts: bool
) -> None:
    for name, text in {**HELPED, "recipe.yaml": f"data: {{loader: {{use: {loader}}}}}\n"}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    for name in [name for name in sys.modules if name.startswith("mypack")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)

    def code() -> str:
        checked = check_recipe(resolve(tmp_path / "recipe.yaml", []), discover(tmp_path))
        return code_of(checked.parts["data", "loader"])

    before = code()
    (tmp_path / edited).write_text(HELPED[edited] + "LEVEL = 2\n")
    assert (code() != before) == counts


PLUGIN = """
import hdf
class Mine:
    def records(self): return []
@hdf.hookimpl
def hdf_loaders(register): register("mine", Mine)
"""
