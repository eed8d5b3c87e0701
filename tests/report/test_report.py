"""The page that a run, a cross-validation and an evaluation end with."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner, Result

from hdf.cli.main import hdf
from hdf.evaluation.comparison import Comparison
from hdf.evaluation.tables import read_comparison
from hdf.report import charts
from hdf.report.films import MOST, MOST_BYTES, albums, encoded, film_of, image_iou
from hdf.report.finished import read_finished, shown_recipe
from hdf.report.report import write_report
from hdf.types import Sample
from hdf_plugins.loaders.phantom import Phantom

RECIPE = """\
name: tiny
data:
  loader: {use: phantom, count: 24, size: [64, 64]}
  labels: [heart, left_lung, right_lung]
  image_size: [32, 32]
  split: {folds: 2}
model:
  backbone: {use: vgg11, width: 0.125}
  head: {use: box_regression, hidden: [8]}
train: {epochs: 2, batch_size: 4, precision: float32}
"""


class Parts(HTMLParser):
    """The ids of a page, what refers to them, and its text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.targets: set[str] = set()
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name == "id":
                self.ids.append(value or "")
            elif name in ("aria-labelledby", "popovertarget"):
                self.targets |= set((value or "").split())
            elif name == "href" and (value or "").startswith("#"):
                self.targets.add((value or "")[1:])

    def handle_data(self, data: str) -> None:
        self.text += data


def call(*arguments: str | Path) -> Result:
    return CliRunner().invoke(hdf, list(map(str, arguments)), catch_exceptions=False)


@pytest.fixture(scope="module")
def crossval(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished cross-validation."""
    folder = tmp_path_factory.mktemp("report")
    (folder / "tiny.yaml").write_text(RECIPE)
    done = call("crossval", folder / "tiny.yaml", "--out", folder / "out")
    assert done.exit_code == 0, done.output
    return folder / "out"


def samples() -> list[Sample]:
    return Phantom(count=24, size=(64, 64)).records()


def without_pictures(page: str) -> str:
    return re.sub(r"base64,[\w+/=]+", "", page)  # pixels spell anything now and then


@pytest.mark.parametrize("part", ["", "fold-1"])
def test_a_page_needs_nothing_but_itself(crossval: Path, part: str) -> None:
    page = (crossval / part / "report.html").read_text()
    written = without_pictures(page)
    assert "://" not in written and "<script" not in written and "url(" not in written
    assert "default-src 'none'" in written
    assert "contains images of the data set" in written and "not a medical device" in written
    parts = Parts(page)
    assert [name for name, count in Counter(parts.ids).items() if count > 1] == []
    assert parts.targets <= set(parts.ids)


def test_the_figures_are_those_of_the_summary(crossval: Path) -> None:
    for folder in (crossval, crossval / "fold-0"):
        scores = json.loads((folder / "summary.json").read_text())["metrics"]["val"]
        text = Parts((folder / "report.html").read_text()).text
        low, high = scores["iou_mean_95"]
        for figure in (
            f"{scores['iou_mean']:.3f}",
            f"{low:.3f} to {high:.3f}",
            f"constant box {scores['constant_box_iou']:.3f}",
            f"{scores['ratio']['mae']:.4f}",
            f"{scores['labels']['heart']['edge_error_px'][2]:.1f}",
        ):
            assert figure in text


def test_each_kind_has_the_parts_that_it_can_have(crossval: Path) -> None:
    run = set(Parts((crossval / "fold-0" / "report.html").read_text()).ids)
    every = set(Parts((crossval / "report.html").read_text()).ids)
    both = {"images", "scores", "iou", "edges", "ratio", "learning", "how"}
    assert both <= run and both | {"coverage"} <= every and "coverage" not in run
    assert "fold 1" in Parts((crossval / "report.html").read_text()).text
    assert "torchvision" in (crossval / "report.html").read_text()


def test_a_model_that_answers_the_same_everywhere_is_named(crossval: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    shutil.copytree(crossval, folder)
    same = {"spread": {"left_lung": 0.012}, "causes": ["train.optimizer.lr is 1e-09, try 1e-3"]}
    summary = json.loads((folder / "summary.json").read_text())
    for fold in summary["folds"]:
        fold.pop("constant_answers", None)
    (folder / "summary.json").write_text(json.dumps(summary))
    assert "same box" not in write_report(folder, []).read_text()
    summary["folds"][1]["constant_answers"] = same
    (folder / "summary.json").write_text(json.dumps(summary))
    summary = json.loads((folder / "fold-0" / "summary.json").read_text())
    (folder / "fold-0" / "summary.json").write_text(
        json.dumps({**summary, "constant_answers": same})
    )
    for part, start in ((folder, "Fold 1: the"), (folder / "fold-0", "The")):
        text = Parts(write_report(part, []).read_text()).text
        assert (
            f"{start} same box is answered for every image: left lung (1% of the true spread)."
            in text
        )
        assert "try 1e-3" in text


def test_the_training_loss_is_called_augmented_where_it_is(crossval: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(crossval / "fold-0", folder)
    assert "training, augmented" not in Parts((folder / "report.html").read_text()).text
    recipe = (folder / "resolved.yaml").read_text()
    assert "augment: []" in recipe
    (folder / "resolved.yaml").write_text(
        recipe.replace("augment: []", "augment: [{use: gamma, gamma: [0.7, 1.5]}]")
    )
    assert "training, augmented" in Parts(write_report(folder, []).read_text()).text


@pytest.mark.parametrize("epochs", [(1, 1), (1, 2), (2, 3), (1, 7), (1, 25), (30, 31)])
def test_epochs_are_whole_numbers(epochs: tuple[int, int]) -> None:
    axis = charts.axis(charts.ACROSS, "epoch", *epochs)
    texts = [text for _, text in axis.ticks]
    assert all(text.isdecimal() for text in texts) and len(set(texts)) == len(texts)
    assert axis.low <= epochs[0] <= epochs[1] <= axis.high


def test_names_are_text(crossval: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(crossval / "fold-0", folder)
    name = read_comparison(folder).images[0]
    for table in ("matches.csv", "predictions.csv"):
        path = folder / table
        path.write_text(path.read_text().replace(name, "<b>mine</b>"))
    write_report(
        folder, [replace(item, id=item.id.replace(name, "<b>mine</b>")) for item in samples()]
    )
    page = (folder / "report.html").read_text()
    assert "&lt;b&gt;mine" in page and "<b>mine" not in page


def test_a_report_is_made_again_without_the_images(crossval: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(crossval / "fold-0", folder)
    before = Parts((folder / "report.html").read_text()).text
    write_report(folder, samples())
    assert Parts((folder / "report.html").read_text()).text == before
    write_report(folder, [])
    page = (folder / "report.html").read_text()
    assert "base64" not in page and page.count("the image can&#39;t be read") == 12


def test_a_report_that_fails_loses_no_run(
    tmp_path: Path, tiny_recipe: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("no ink")

    monkeypatch.setattr("hdf.report.report.write_page", fails)
    done = call("run", tiny_recipe, "visualize=[]", "--out", tmp_path / "out")
    assert done.exit_code == 0
    assert "report.html could not be made: RuntimeError: no ink" in done.stderr
    assert json.loads((tmp_path / "out" / "status.json").read_text())["status"] == "finished"
    assert not (tmp_path / "out" / "report.html").exists()
    assert "in fails" in (tmp_path / "out" / "log.txt").read_text()


def test_no_image_is_in_two_albums_and_the_worst_is_first(crossval: Path) -> None:
    comparison = read_comparison(crossval)
    shown = albums(comparison, {sample.id: sample for sample in samples()})
    assert [title for title, _, _ in shown] == ["Worst", "Typical", "Best"]
    films = [film for *_, album in shown for film in album]
    assert len({film.name for film in films}) == len(films) == 3 * MOST
    scores = {comparison.images[index]: score for index, score in image_iou(comparison).items()}
    worst, typical, best = ([scores[film.name] for film in album] for *_, album in shown)
    assert worst[0] == min(scores.values()) and best[0] == max(scores.values())
    assert max(worst) <= min(typical) <= max(typical) <= min(best)


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_few_images_are_all_shown_once(crossval: Path, count: int) -> None:
    comparison = read_comparison(crossval)
    few = comparison.matches.part(comparison.matches.image < count)
    part = Comparison(comparison.images, comparison.sources, few, few, comparison.found)
    names = [film.name for *_, album in albums(part, {}) for film in album]
    assert len(set(names)) == len(names) == min(count, 3)


def test_boxes_are_where_the_picture_has_them(crossval: Path) -> None:
    comparison = read_comparison(crossval)
    large = Sample(comparison.images[0], lambda: torch.rand(1, 2000, 1000))
    film = film_of(comparison, {large.id: large}, 0)
    assert (film.width, film.height) == (round(1000 * film.height / 2000), film.height)
    truth = comparison.matches.true[0] * film.height / 2000
    predicted, true = film.strokes[:2]
    assert true.true and not predicted.true  # the dashes are above the solid line
    assert true.x == pytest.approx(float(truth[0]), abs=0.1)
    assert true.width == pytest.approx(float(truth[2] - truth[0]), abs=0.2)


def test_pictures_stay_small() -> None:
    text, scale, (width, height) = encoded(torch.rand(1, 1500, 3000))
    assert len(text) * 3 / 4 <= MOST_BYTES
    assert (width, height) == (round(3000 * scale), round(1500 * scale))
    assert 3 * MOST * MOST_BYTES * 4 / 3 < 2_500_000


def test_folders_are_left_out_of_the_recipe(crossval: Path) -> None:
    recipe = read_finished(crossval).recipe
    recipe["data"]["loader"] = {
        "use": "concat",
        "sources": {
            "east": {"use": "csv_boxes", "images": "/home/erika", "table": "erika/b.csv"},
            "west": {"use": "image_folder", "images": r"D:\\scans\\erika"},
            "none": {"use": "coco", "images": "../erika/", "annotations": "~/erika/c.json"},
        },
    }
    recipe["data"]["store"] = "stores/erika.1962"
    recipe["data"]["split"] = {"lists": {"train": "erika/train.txt", "val": "val.txt"}}
    shown = shown_recipe(recipe)
    assert "erika" not in shown
    assert all(name in shown for name in ("…/b.csv", "…/c.json", "…/train.txt", "val.txt"))


def test_axes_end_with_round_numbers_around_the_values() -> None:
    x = charts.axis(charts.ACROSS, "epoch", 1, 7)
    y = charts.axis(charts.UP, "share", 0.013, 0.52, percent=True)
    assert [text for _, text in x.ticks] == ["0", "2", "4", "6", "8"]
    assert [text for _, text in y.ticks] == ["0", "20", "40", "60"]
    assert y.at(y.low) == charts.BOTTOM and y.at(y.high) == charts.TOP
    assert charts.line(x, y, [(0, 0), (8, 0.6)]) == (
        f"M{charts.LEFT} {charts.BOTTOM}L{charts.RIGHT} {charts.TOP}"
    )
    assert charts.axis(charts.UP, "same", 3, 3).at(3) == (charts.TOP + charts.BOTTOM) / 2
