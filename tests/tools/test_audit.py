"""An audit names what is wrong with a data set, and little else."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from benchmarks.planted_faults import Copy, copy_of, phantom_set, plant
from rich.console import Console
from torch import Tensor

from hdf import Sample, Target
from hdf.console.progress import Reporter
from hdf.data.dataset import read_dataset
from hdf.data.store import Store, build_store
from hdf.models.build import build_components
from hdf.recipe.check import check_recipe
from hdf.recipe.merge import resolve
from hdf.recipe.splits import EndsSplit, FoldSplit, FractionSplit, Lists, ListSplit
from hdf.registry.registry import Registry
from hdf.tools.audit import KINDS, Finding, in_order
from hdf.tools.audit.anatomy import find_odd_boxes
from hdf.tools.audit.audit import Audit, audit, write_page
from hdf.tools.audit.duplicates import Pair, find_duplicates, same_radiographs
from hdf.tools.audit.records import Box, find_bad_splits, parts_of
from hdf.tools.audit.survey import likeness_to_all, survey
from hdf_plugins.loaders.phantom import read_image
from tests.docs.documentation import DOCS

SIDE = 128
COUNT = 60
RECIPE = """
data:
  loader: {use: csv_boxes, images: images, table: hearts.csv}
  image_size: [160, 160]
  split: {lists: {train: train.txt, val: val.txt}}
  store: memory
model: {backbone: {use: resnet18}, head: {use: box_regression}}
"""


def nothing(done: int, total: int) -> None:
    """Progress that nobody sees."""


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Phantoms laid out as chest200 is."""
    return phantom_set(tmp_path_factory.mktemp("phantoms") / "set", COUNT, SIDE, seed=5)


def audited(folder: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Audit:
    monkeypatch.chdir(folder)
    (folder / "recipe.yaml").write_text(RECIPE)
    checked = check_recipe(resolve(Path("recipe.yaml"), []), registry)
    loader = build_components(checked).loader
    return audit(checked, loader, Reporter(Console(quiet=True)))


def assert_all_are_named(copy: Copy, found: Audit) -> None:
    pairs = {(name, item.kind) for item in found.findings for name in (item.name, *item.others)}
    assert [item for item in copy.planted if item not in pairs] == []
    untouched = set(copy.rows) - copy.used
    severe = {name for item in found.severe for name in (item.name, *item.others)} & untouched
    assert len(severe) <= 0.1 * len(untouched)


@pytest.fixture
def planted(phantoms: Path, tmp_path: Path) -> Copy:
    copy = copy_of(phantoms, tmp_path / "copy", seed=2)
    plant(copy)
    return copy


def test_planted_faults_are_named(
    planted: Copy, registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    found = audited(planted.folder, registry, monkeypatch)
    assert_all_are_named(planted, found)
    assert found.findings == in_order(found.findings)
    assert {item.kind for item in found.findings} <= set(KINDS)
    write_page(tmp_path / "page.html", "<b>mine</b>", found)
    page = (tmp_path / "page.html").read_text()
    assert "&lt;b&gt;mine" in page and "<b>mine" not in page
    assert "contains images" in page and "not a medical device" in page
    written = re.sub(r"base64,[\w+/=]+", "", page)  # pixels spell anything now and then
    assert "://" not in written and "<script" not in page
    assert page.count('class="card ') == len(found.findings)
    copies = [item for item in found.findings if item.kind == "near_duplicate"]
    for finding in copies:
        assert f'alt="radiograph {finding.name}"' in page
        assert f'alt="radiograph {finding.others[0]}"' in page


def test_faults_planted_in_real_radiographs_are_named(
    chest200: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    copy = copy_of(chest200, tmp_path / "copy", seed=7)
    plant(copy)
    assert_all_are_named(copy, audited(copy.folder, registry, monkeypatch))


def store_of(images: list[Tensor]) -> Store:
    samples = [
        Sample(f"i{number}", lambda image=image: image) for number, image in enumerate(images)
    ]  # type: ignore[misc]
    return build_store(samples, ("heart",), (160, 160))


def films(*numbers: int) -> list[Tensor]:
    return [read_image(5, number, (192, 160)) for number in numbers]


def shifted(image: Tensor) -> Tensor:
    return torch.cat([image[:, 4:], image[:, -4:]], 1)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda image: image, ""),
        (lambda image: image.sqrt(), ""),
        (lambda image: image * 0.3 + 0.2, ""),
        (lambda image: 1 - image, ", inverted"),
        (lambda image: image.flip(-1), ", mirrored"),
        (lambda image: image[:, 12:-12, 10:-10], ""),
        (shifted, ""),
    ],
)
def test_what_was_done_to_a_copy_does_not_hide_it(
    change: Callable[[Tensor], Tensor], told: str
) -> None:
    images = [*films(*range(12)), change(films(3)[0])]
    seen = survey(store_of(images), nothing)
    pairs = same_radiographs(seen, torch.ones(13, dtype=torch.bool), nothing)
    assert [(pair.first, pair.second, pair.change) for pair in pairs] == [(3, 12, told)]


def test_copies_are_severe_on_different_sides_alone() -> None:
    images = [*films(0, 1, 2), *films(0, 1)]
    seen = survey(store_of(images), nothing)
    pairs = same_radiographs(seen, torch.ones(5, dtype=torch.bool), nothing)
    parts = ["train", "train", "val", "val", "unused"]
    found = list(find_duplicates(pairs, seen.names, parts))
    assert [(item.name, item.others, item.kind, item.severity) for item in found] == [
        ("i0", ("i3",), "duplicate", "severe"),
        ("i1", ("i4",), "duplicate", "warning"),
    ]
    assert "i3 (val)" in found[0].detail and "itself in train" in found[0].detail


def test_copies_of_copies_are_one_finding_and_on_different_sides_too() -> None:
    seen = survey(store_of([*films(0), *films(0), *films(0)]), nothing)
    pairs = same_radiographs(seen, torch.ones(3, dtype=torch.bool), nothing)
    [found] = find_duplicates(pairs, seen.names, ["unused", "train", "val"])
    assert (found.severity, found.name, found.others) == ("severe", "i0", ("i1", "i2"))


def test_what_only_may_be_the_same_makes_no_sides() -> None:
    pairs = [Pair(1, 2, 0.8), Pair(0, 1), Pair(0, 2, 0.8)]
    [found] = find_duplicates(pairs, ["a", "b", "c"], ["train", "train", "val"])
    assert (found.kind, found.severity, found.others) == ("duplicate", "warning", ("b", "c"))
    assert found.detail == (
        "shows the same radiograph as b (train), c (val, likeness 0.80); it is itself in train"
    )
    [found] = find_duplicates(
        [Pair(0, 2, 0.9), Pair(1, 2, 0.8)], list("abc"), ["train"] * 2 + ["val"]
    )
    assert (found.kind, found.severity, found.name) == ("near_duplicate", "severe", "a")


def test_one_image_alone_is_no_duplicate() -> None:
    seen = survey(store_of(films(0)), nothing)
    assert same_radiographs(seen, torch.ones(1, dtype=torch.bool), nothing) == []


def test_a_film_is_seen_without_its_padding() -> None:
    wide = torch.rand(1, 60, 120) * 0.5 + 0.5
    seen = survey(store_of([wide]), nothing)
    assert float(seen.small.min()) > 0.4
    assert float(seen.clipped[0]) < 0.1


def small(*numbers: int) -> Tensor:
    return survey(store_of(films(*numbers)), nothing).small


@pytest.mark.parametrize("inverted", [[0], [0, 4, 5], [1, 2, 3, 4, 5]])
def test_inverted_images_are_told_from_the_others(inverted: list[int]) -> None:
    images = small(*range(8))
    images[inverted] = 1 - images[inverted]
    likeness = likeness_to_all(images, torch.ones(8, dtype=torch.bool))
    assert (likeness < 0).nonzero()[:, 0].tolist() == inverted


def test_a_data_set_that_is_inverted_as_a_whole_is_found() -> None:
    assert likeness_to_all(1 - small(*range(6)), torch.ones(6, dtype=torch.bool)).max() < 0


def boxes(count: int, *odd: list[float], label: str = "heart") -> list[Box]:
    rng = np.random.default_rng(0)
    usual = rng.normal([0.37, 0.4, 0.8, 0.72], 0.02, (count, 4))
    edges = [*usual.tolist(), *odd]
    return [
        Box(number, "", label, torch.tensor(row, dtype=torch.float32))
        for number, row in enumerate(edges)
    ]


def odd_ones(given: list[Box]) -> list[tuple[str, str, str]]:
    flat = torch.full((len(given), 32, 32), 0.5)
    names = [str(number) for number in range(len(given))]
    return [(item.name, item.kind, item.severity) for item in find_odd_boxes(given, flat, names)]


def test_odd_boxes() -> None:
    mirrored, corner, tiny = [0.2, 0.4, 0.63, 0.72], [0.0, 0.0, 0.43, 0.32], [0.5, 0.5, 0.58, 0.82]
    assert odd_ones(boxes(30, mirrored, corner, tiny)) == [
        ("30", "box_mirrored", "severe"),
        ("31", "box_far", "severe"),
        ("32", "box_tiny", "severe"),
    ]


def test_a_few_boxes_say_nothing_of_where_boxes_lie() -> None:
    assert odd_ones(boxes(5, [0.0, 0.0, 0.43, 0.32])) == []
    assert odd_ones(boxes(0, [0.5, 0.5, 0.51, 0.6])) == [("0", "box_tiny", "severe")]


def test_sources_with_other_conventions_are_judged_apart() -> None:
    high = [
        Box(box.image, "other", box.label, box.edges - torch.tensor([0, 0.3, 0, 0.1]))
        for box in boxes(12)
    ]
    assert odd_ones([*boxes(12), *high]) == []


def labelled(number: int, group: str) -> Sample:
    target = Target(torch.tensor([[0.0, 0, 9, 9]]), ("heart",))
    return Sample(f"i{number}", lambda: torch.zeros(1, 2, 2), target, group=group)


def test_patients_on_both_sides(tmp_path: Path) -> None:
    (tmp_path / "train").write_text("i0\ni1\ni9\n")
    (tmp_path / "val").write_text("i2\n")
    samples = [labelled(n, group) for n, group in enumerate("abaa")]
    split = ListSplit(lists=Lists(train=str(tmp_path / "train"), val=str(tmp_path / "val")))
    found = list(find_bad_splits(samples, split, 0))
    assert [(item.name, item.kind) for item in found] == [
        ("", "split"),
        ("i0", "patient_on_both_sides"),
    ]
    assert "train:3: no image is called 'i9'" in found[0].detail
    assert found[1].detail == "is in train; the same patient has i2 in val"
    (tmp_path / "train").write_text("i0\ni3\n")
    [found] = find_bad_splits(samples, split, 0)
    assert found.detail == "is in train; the same patient has i2 in val, i3 in train"
    assert (found.name, found.others) == ("i0", ("i2", "i3"))


@pytest.mark.parametrize(
    ("split", "told"),
    [
        (EndsSplit(first=5, last=5), "overlap"),
        (FoldSplit(folds=7, fold=0), "the side fold 6 is empty"),
        (ListSplit(lists=Lists(train="nowhere", val="nowhere")), "can't be read"),
    ],
)
def test_splits_that_can_not_be_made(split: Any, told: str) -> None:
    samples = [labelled(n, str(n)) for n in range(6)]
    [found] = find_bad_splits(samples, split, 0)
    assert told in found.detail
    assert len(parts_of(samples, split, 0)) == 6


def test_an_image_in_both_lists(tmp_path: Path) -> None:
    (tmp_path / "train").write_text("i0\ni1\n")
    (tmp_path / "val").write_text("i0\n")
    split = ListSplit(lists=Lists(train=str(tmp_path / "train"), val=str(tmp_path / "val")))
    found = list(find_bad_splits([labelled(0, "a"), labelled(1, "b")], split, 0))
    assert [(item.name, item.detail) for item in found] == [("i0", "is in train and val")]


def test_folds_are_sides() -> None:
    samples = [labelled(n, str(n)) for n in range(4)]
    assert parts_of(samples, FoldSplit(folds=2), 0) == ["fold 0", "fold 1"] * 2
    assert set(parts_of(samples, FractionSplit(val=0.5), 0)) == {"train", "val"}


def test_what_a_run_leaves_out_takes_no_part_in_the_split(
    phantoms: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    copy = copy_of(phantoms, tmp_path / "copy", seed=2)
    first = next(iter(copy.rows))
    copy.rows[first]["w"] = 0
    copy.write()
    changes = ["data.split={val: 0.3}", "data.on_bad=skip", "seed=4"]
    monkeypatch.chdir(copy.folder)
    (copy.folder / "recipe.yaml").write_text(RECIPE)
    checked = check_recipe(resolve(Path("recipe.yaml"), changes), registry)
    quiet = Reporter(Console(quiet=True))
    sides = read_dataset(checked, build_components(checked).loader, quiet)
    seen: list[Any] = []
    monkeypatch.setattr(
        "hdf.tools.audit.audit.find_duplicates",
        lambda pairs, names, parts: seen.append(parts) or [],
    )
    audit(checked, build_components(checked).loader, quiet)
    run = dict(zip([s.id for s in sides.store.samples], sides.split.sides(COUNT - 1), strict=True))
    assert seen == [[run[name] for name in sorted(copy.rows) if name != first]]


def test_findings_in_order() -> None:
    given = [
        Finding("a", "unlike", "warning", ""),
        Finding("b", "blank", "severe", ""),
        Finding("c", "record", "severe", ""),
    ]
    assert [item.name for item in in_order(given)] == ["c", "b", "a"]


def test_a_data_set_of_which_nothing_can_be_read(
    registry: Registry, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "images").mkdir()
    for name in "ab":
        (tmp_path / "images" / f"{name}.png").write_bytes(b"no picture")
    (tmp_path / "hearts.csv").write_text("name,x_min,y_min,x_max,y_max\na,1,1,5,5\nb,1,1,1,5\n")
    (tmp_path / "train.txt").write_text("a\n")
    (tmp_path / "val.txt").write_text("b\n")
    found = audited(tmp_path, registry, monkeypatch)
    assert [(item.name, item.kind) for item in found.findings] == [
        ("a", "unreadable"),
        ("b", "box_empty"),
    ]
    assert "hearts.csv:3" in found.findings[1].detail
    write_page(tmp_path / "page.html", "mine", found)


def test_every_kind_is_documented() -> None:
    page = (DOCS / "audit.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+)` \|", page, re.M) == list(KINDS)
