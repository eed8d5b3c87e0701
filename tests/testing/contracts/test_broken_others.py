"""Each clause of the other contracts is told to an author who breaks it."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from kornia.augmentation import IntensityAugmentationBase2D, RandomElasticTransform
from torch import Tensor, nn

import hdf
from hdf.testing import (
    check_augmentation,
    check_loader,
    check_visualizer,
)


class Darker(IntensityAugmentationBase2D):
    """The base of the broken ones."""

    def __init__(self) -> None:
        super().__init__(p=1.0)

    def apply_transform(
        self, input: Tensor, params: Any, flags: Any, transform: Tensor | None = None
    ) -> Tensor:
        return input * self.factor(input)

    def factor(self, input: Tensor) -> Any:
        return 0.5


class ByPython(Darker):
    def factor(self, input: Tensor) -> Any:
        return random.random()


class Counting(Darker):
    calls = 0

    def factor(self, input: Tensor) -> Any:
        self.calls += 1
        return 1 / self.calls


class OfBlack(Darker):
    def factor(self, input: Tensor) -> Any:
        return 1 / input.amax((1, 2, 3), keepdim=True)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (ByPython, "draws from the generator of random, which hdf does not seed"),
        (Counting, "with the same seed it gives another result"),
        (OfBlack, "an augmented image holds NaN"),
        (lambda: RandomElasticTransform(p=1.0), "its warp has no 3x3 matrix"),
    ],
)
def test_augmentations(broken: Callable[[], nn.Module], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_augmentation(broken(), draws=100)


def test_an_augmentation_in_order_moves_no_box() -> None:
    assert check_augmentation(Darker()).compared == 0


IMAGE = torch.full((1, 8, 8), 0.5)
BOXES = torch.tensor([[1.0, 1.0, 4.0, 5.0]])


def image() -> Tensor:
    return IMAGE.clone()


def too_bright() -> Tensor:
    return IMAGE * 300


def drawn() -> Tensor:
    return torch.rand(1, 8, 8)


def one_mask_too_many() -> Tensor:
    return torch.zeros(2, 8, 8, dtype=torch.bool)


class Listing:
    """A loader that lists what it is given."""

    def __init__(self, *samples: hdf.Sample) -> None:
        self.samples = samples

    def records(self) -> list[hdf.Sample]:
        return list(self.samples)


class Stumbling(Listing):
    def records(self) -> list[hdf.Sample]:
        raise IndexError("row 3")


class Shuffling(Listing):
    def records(self) -> list[hdf.Sample]:
        return random.sample(self.samples, 2)


TARGET = hdf.Target(BOXES, ("heart",))
GOOD = hdf.Sample("good", image, TARGET)


@pytest.mark.parametrize(
    ("loader", "message"),
    [
        (Listing(), "is empty"),
        (Listing(GOOD, GOOD), "ids are used twice: good"),
        (Listing(hdf.Sample("a", lambda: IMAGE)), "can't be pickled.*functools.partial"),
        (Listing(hdf.Sample("a", torch.zeros(1, 99, 99).clone)), "bytes, at most .* are light"),
        (Listing(hdf.Sample("a", too_bright)), "pixels from 150 to 150, expected 0 to 1"),
        (Listing(hdf.Sample("a", drawn)), "read again, in another thread, differs"),
        (Listing(hdf.Sample("a", image, hdf.Target(9 * BOXES, ("heart",)))), "outside its image"),
        (Listing(hdf.Sample("a", image, TARGET, read_masks=one_mask_too_many)), "one for each box"),
        (
            Listing(hdf.Sample("a", image, files=(Path("gone.png"),))),
            r"gone\.png, which is no file",
        ),
        (
            Listing(hdf.Sample.broken("a", "row 3")),
            r"1 records have faults, expected 0(.|\n)*row 3",
        ),
        (Stumbling(GOOD), r"records fails: IndexError: row 3\n.*Sample\.broken"),
        (Shuffling(GOOD, hdf.Sample("b", image)), "draws from the generator of random"),
    ],
)
def test_loaders(loader: Listing, message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_loader(loader)


def test_a_loader_in_order_with_a_fault_on_purpose() -> None:
    check_loader(Listing(GOOD, hdf.Sample.broken("a", "row 3")), faults=1)


class Drawing:
    """A visualizer; the base of the broken ones."""

    when: str = "end"

    def draw(self, view: hdf.View, folder: Path) -> list[Path]:
        path = folder / "boxes.txt"
        path.write_text(str([found.boxes.tolist() for found in view.detections]))
        return [path]


class Never(Drawing):
    when = "never"


class Strewing(Drawing):
    def draw(self, view: hdf.View, folder: Path) -> list[Path]:
        Path("here.txt").write_text("strewn")
        return super().draw(view, folder)


class Silent(Drawing):
    def draw(self, view: hdf.View, folder: Path) -> list[Path]:
        super().draw(view, folder)
        return []


class Promising(Drawing):
    def draw(self, view: hdf.View, folder: Path) -> list[Path]:
        return [*super().draw(view, folder), folder / "soon.png"]


class Meddling(Drawing):
    def draw(self, view: hdf.View, folder: Path) -> list[Path]:
        view.targets[0].boxes.add_(1)
        return super().draw(view, folder)


class Changing(Drawing):
    def draw(self, view: hdf.View, folder: Path) -> list[Path]:
        path = folder / "id.txt"
        path.write_text(folder.parent.name)
        return [path]


class Assuming(Drawing):
    def draw(self, view: hdf.View, folder: Path) -> list[Path]:
        view.pairs(1)[0][2].sum()  # type: ignore[union-attr]
        return super().draw(view, folder)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (Never, "when is 'never', expected 'epoch' or 'end'"),
        (Strewing, r"draw writes here\.txt outside of its folder"),
        (Silent, r"draw writes boxes\.txt, and does not return its path"),
        (Promising, r"draw names soon\.png, and did not write it"),
        (Meddling, "changes the boxes of its view"),
        (Changing, r"id\.txt differs when drawn again.*repeats=False"),
        (Assuming, "draw fails: AttributeError"),
    ],
)
def test_visualizers(broken: type[Drawing], message: str) -> None:
    with pytest.raises(AssertionError, match=message):
        check_visualizer(broken())


def test_a_visualizer_in_order() -> None:
    check_visualizer(Drawing())
    check_visualizer(Changing(), repeats=False)
