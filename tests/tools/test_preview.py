"""The preview shows what training takes, pixel for pixel, and builds no model."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from rich.console import Console
from torch import Tensor

from hdf.augmentation.pipeline import Augment
from hdf.console.progress import Reporter
from hdf.data.batches import Batches
from hdf.data.dataset import read_dataset
from hdf.drawing import Shown
from hdf.drawing.png import save_png
from hdf.drawing.sheet import draw_sheet
from hdf.errors import UserError
from hdf.models.build import build_components
from hdf.models.detector import Detector
from hdf.recipe.check import CheckedRecipe, check_recipe
from hdf.recipe.merge import resolve
from hdf.registry.registry import Registry, discover
from hdf.runs.run_folder import RunFolder
from hdf.tools import preview
from hdf.tools.preview import Choice, epoch_pairs, first_images, make_preview
from hdf.training.run import run_recipe
from hdf.types import Batch

Load = Callable[..., CheckedRecipe]
QUIET = Reporter(Console(file=io.StringIO()))


@pytest.fixture
def load(tiny_recipe: Path, registry: Registry) -> Load:
    return lambda *changes: check_recipe(resolve(tiny_recipe, list(changes)), registry)


def drawn(
    checked: CheckedRecipe, choice: Choice, monkeypatch: pytest.MonkeyPatch
) -> tuple[list[Shown], list[str]]:
    """The images and the facts that `make_preview` draws."""
    kept: list[Any] = []

    def keep(shown: list[Shown], labels: Any, facts: list[str], warning: str) -> Image.Image:
        kept.append((shown, facts))
        return draw_sheet(shown, labels, facts, warning)

    with monkeypatch.context() as patch:
        patch.setattr(preview, "draw_sheet", keep)
        make_preview(checked, choice, QUIET)
    (found,) = kept
    return found


def test_an_epochs_images_are_those_that_the_detector_is_fed(
    load: Load, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fed: list[Batch] = []
    forward, loss = Detector.forward, Detector.loss

    def seeing(self: Detector, images: Tensor) -> Any:
        if self.training:
            fed.append(Batch(images.clone(), None, None))  # type: ignore[arg-type]
        return forward(self, images)

    def learning(self: Detector, raw: Any, batch: Batch) -> dict[str, Tensor]:
        if self.training:
            fed[-1] = Batch(fed[-1].images, batch.targets, batch.index)
        return loss(self, raw, batch)

    monkeypatch.setattr(Detector, "forward", seeing)
    monkeypatch.setattr(Detector, "loss", learning)
    checked = load("train.batch_size=3", "seed=5", "augment.0.translate=0.4")
    run_recipe(checked, registry, RunFolder(tmp_path / "run"), QUIET)
    assert [len(batch) for batch in fed] == [3, 3, 2] * 2
    for epoch in (1, 2):
        shown, _ = drawn(checked, Choice(count=8, epoch=epoch), monkeypatch)
        batches = fed[3 * epoch - 3 : 3 * epoch]
        images = torch.cat([batch.images for batch in batches])[:, 0]
        targets = [batch.targets[[row]] for batch in batches for row in range(len(batch))]
        for item, image, target in zip(shown, images, targets, strict=True):
            assert item.augmented is not None
            assert torch.equal(item.augmented.image, (image * 255).round().byte())
            assert torch.equal(item.augmented.boxes, target.boxes[target.valid])


def test_batches_are_fed_to_the_last_bit(load: Load) -> None:
    checked = load()
    augment = build_components(checked).augment
    dataset = read_dataset(checked, build_components(checked).loader, QUIET)
    batches = Batches(dataset.store, dataset.split.train, 4)
    assert augment is not None
    pairs = list(epoch_pairs(batches, augment, 7, 3))
    for step, batch in enumerate(batches.shuffled(7, 3), 4):  # two steps in each earlier epoch
        stored, augmented = pairs[step - 4]
        assert augmented is not None
        assert torch.equal(stored.images, batch.images)
        assert torch.equal(augmented.images, augment(batch, (7, 3, step)).images)


def test_what_is_stored_is_the_stores_own(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    checked = load("augment=[{use: horizontal_flip, p: 1.0}]")
    store = read_dataset(checked, build_components(checked).loader, QUIET).store
    assert isinstance(store.images, Tensor)
    shown, facts = drawn(checked, Choice(count=3), monkeypatch)
    numbers = {sample.id: number for number, sample in enumerate(store.samples)}
    for item in shown:
        image = store.images[numbers[item.id], 0]
        assert torch.equal(item.stored.image, image)
        assert item.augmented is not None
        assert torch.equal(item.augmented.image, image.flip(1))
    assert facts[:2] == ["tiny", "training images, epoch 1: first 3 of 8"]
    assert facts[2:] == ["32 px wide, 32 px high, letterbox", "each pixel drawn 8 × 8"]


@pytest.mark.parametrize(
    ("changes", "choice", "said"),
    [
        ([], Choice(side="val"), "validation images: all of 2"),
        ([], Choice(plain=True), "training images, epoch 1, not augmented: all of 8"),
        (["augment=[]"], Choice(), "training images, epoch 1: all of 8"),
    ],
)
def test_without_augmentation_each_image_stands_alone(
    load: Load, monkeypatch: pytest.MonkeyPatch, changes: list[str], choice: Choice, said: str
) -> None:
    shown, facts = drawn(load(*changes), choice, monkeypatch)
    assert all(item.augmented is None for item in shown)
    assert facts[1] == said


def test_no_batch_is_made_that_is_not_needed(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes: list[int] = []
    call = Augment.__call__

    def counting(self: Augment, batch: Batch, key: Any) -> Batch:
        sizes.append(len(batch))
        return call(self, batch, key)

    checked = load("train.batch_size=2")
    monkeypatch.setattr(Augment, "__call__", counting)
    make_preview(checked, Choice(count=4), QUIET)
    assert sizes == [2, 2]


@pytest.mark.parametrize("bounds", ["rectangle", "mask"])
def test_boxes_come_from_the_bridge(
    load: Load, monkeypatch: pytest.MonkeyPatch, bounds: str
) -> None:
    turned = "augment=[{use: affine, degrees: 40}]"
    choice = Choice(count=1)
    (ellipse,), _ = drawn(load(turned), choice, monkeypatch)
    (other,), _ = drawn(load(turned, f"data.box_bounds={bounds}"), choice, monkeypatch)
    assert ellipse.augmented is not None
    assert other.augmented is not None
    assert torch.equal(other.augmented.image, ellipse.augmented.image)
    assert not torch.equal(other.augmented.boxes, ellipse.augmented.boxes)


def test_the_same_seed_gives_the_same_file(load: Load, tmp_path: Path) -> None:
    for name, change in {"a": "seed=3", "b": "seed=3", "c": "seed=4"}.items():
        torch.rand(3)
        save_png(
            make_preview(load(change), Choice(count=3), QUIET),
            tmp_path / f"{name}.png",
            "hdf preview",
        )
    first, second, other = ((tmp_path / f"{name}.png").read_bytes() for name in "abc")
    assert first == second
    assert first != other


def test_images_in_a_file_give_the_same_picture(load: Load, tmp_path: Path) -> None:
    choice = Choice(count=5, epoch=2)
    kept = make_preview(load(f"data.store={tmp_path / 'store'}"), choice, QUIET)
    assert (tmp_path / "store" / "images.u8").is_file()
    assert kept.tobytes() == make_preview(load("data.store=memory"), choice, QUIET).tobytes()


def test_no_model_is_built(tiny_recipe: Path, tmp_path: Path) -> None:
    (tmp_path / "unbuilt.py").write_text(
        "import hdf\n"
        "class Unbuilt:\n"
        "    def __init__(self): raise RuntimeError('a model is built')\n"
        "@hdf.hookimpl\ndef hdf_backbones(register): register('unbuilt', Unbuilt)\n"
        "@hdf.hookimpl\ndef hdf_heads(register): register('headless', Unbuilt)\n"
    )
    changes = ["model={backbone: {use: unbuilt}, head: {use: headless}}"]
    checked = check_recipe(resolve(tiny_recipe, changes), discover(tmp_path))
    assert make_preview(checked, Choice(count=1), QUIET).width > 32


def test_faults_are_told_with_their_place(load: Load) -> None:
    with pytest.raises(UserError, match=r"tiny.yaml:3 .*count must be at least 1"):
        make_preview(load("data.loader.count=0"), Choice(), QUIET)
    with pytest.raises(UserError, match=r"no image has a box for data.labels spleen"):
        make_preview(load("data.labels=[spleen]"), Choice(), QUIET)


def test_fewer_images_than_asked_for_are_all_shown(load: Load) -> None:
    checked = load()
    dataset = read_dataset(checked, build_components(checked).loader, QUIET)
    batches = Batches(dataset.store, dataset.split.train, 4)
    shown = first_images(epoch_pairs(batches, None, 0, 1), dataset.store.samples, 99)
    assert len({item.id for item in shown}) == len(dataset.split.train) == len(shown)
