"""Settings that can never work are told before training, models that learned nothing after it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from hdf.errors import UserError
from hdf.registry.registry import discover
from tests.conftest import Hdf
from tests.training.test_run import run

QUICK = ("visualize=[]", "augment=[]", "train.epochs=1", "data.image_size=[32,32]")
NORMS = "model.backbone={use: resnet18, width: 0.125}"  # the last map of 32 x 32 is one pixel
EDGES = "model.head={use: edge_softargmax}"


@pytest.mark.parametrize(
    ("changes", "key", "cure"),
    [
        ((NORMS, "train.batch_size=1"), "train.batch_size", "take train.batch_size=2 or a larger"),
        ((NORMS, "train.batch_size=2", "data.loader.count=9"), "train.batch_size", "batch_size=3 "),
        (("data.image_size=[16,64]", EDGES), "model.backbone", "take at least 32 x 32"),
        (("data.split={folds: 30, fold: 29}",), "data.split", "take at most 10 folds"),
        (("train.optimizer.lr=100",), "train.optimizer.lr", "less than or equal to 10, not 100"),
        (("train.optimizer={'use': sgd, 'lr': 1e6}",), "train.optimizer.lr", "equal to 1000"),
    ],
)
def test_what_can_never_work_is_told_before_training(
    hdf: Hdf, tiny_recipe: Path, tmp_path: Path, changes: tuple[str, ...], key: str, cure: str
) -> None:
    shown = hdf("run", tiny_recipe, *QUICK, *changes, "seed=1", "--out", "out")
    assert shown.returncode == 2
    (said,) = [line for line in shown.stderr.splitlines() if "error" in line]
    assert f"({key}" in said
    assert cure in said
    assert "Traceback" not in shown.stderr
    assert not (tmp_path / "out").exists()


def test_one_image_a_batch_is_enough_without_norms(tiny_recipe: Path, tmp_path: Path) -> None:
    summary, _ = run(tiny_recipe, tmp_path / "run", *QUICK, "train.batch_size=1")
    assert summary["epochs_run"] == 1


PLUGIN = """
import hdf
from hdf_plugins.heads.box_regression import BoxRegression

class Frozen(BoxRegression):
    def __init__(self, channels, strides, labels, image_size):
        super().__init__(channels, strides, labels, image_size)
        self.requires_grad_(False)

@hdf.hookimpl
def hdf_heads(register):
    register("frozen", Frozen)
"""


def test_a_model_that_can_not_learn_is_refused(tiny_recipe: Path, tmp_path: Path) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "frozen.py").write_text(PLUGIN)
    changes = ("model.head={use: frozen}", "model.backbone={use: vgg11, width: 0.125, freeze: 5}")
    with pytest.raises(UserError, match="has a parameter that learns"):
        run(tiny_recipe, tmp_path / "run", *changes, registry=discover(tmp_path / "plugins"))


def test_a_loss_that_is_not_finite_blames_the_rate(hdf: Hdf, tiny_recipe: Path) -> None:
    rate = "train.optimizer={'use': sgd, 'lr': 800.0}"
    shown = hdf("run", tiny_recipe, rate, "train.epochs=30", "data.labels=[heart]", "--out", "out")
    assert shown.returncode == 2
    (said,) = [line for line in shown.stderr.splitlines() if "error" in line]
    assert said.startswith(f"error: command line: {rate} (train.optimizer.lr): ")
    assert "train.optimizer.lr is 800, try 80, or train.clip_norm=1.0" in said
    assert "labels" not in said


SQUARES = """
import hdf
import torch

def sample(number, x):
    box = torch.tensor([[x, 8.0, x + 12.0, 24.0]])
    image = torch.zeros(1, 32, 32)
    image[:, 8:24, int(x) : int(x) + 12] = 1.0
    return hdf.Sample(str(number), lambda: image, hdf.Target(box, ("heart",)))

class Squares:
    def __init__(self, *, moves: bool):
        self.moves = moves
    def records(self):
        return [sample(i, float(i * 7 % 20) if self.moves else 8.0) for i in range(60)]

@hdf.hookimpl
def hdf_loaders(register):
    register("squares", Squares)
"""
PLAIN = ("visualize=[]", "augment=[]", "data.split.val=0.2")


@pytest.fixture
def squares(tmp_path: Path) -> Path:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "squares.py").write_text(SQUARES)
    return tmp_path / "plugins"


def test_a_model_that_answers_the_same_everywhere_is_named(
    hdf: Hdf, tiny_recipe: Path, tmp_path: Path, squares: Path
) -> None:
    changes = (*PLAIN, "data.loader={use: squares, moves: true}", "train.optimizer.lr=1e-8")
    shown = hdf("run", tiny_recipe, *changes, "--plugins-dir", squares, "--out", "out")
    assert shown.returncode == 0
    found = json.loads((tmp_path / "out/summary.json").read_text())["constant_answers"]
    assert found["spread"]["heart"] < 0.1
    assert found["causes"] == [
        "train.optimizer.lr, now 1e-08, is too low: the usual value is 0.0001"
    ]
    assert "heart: nearly the same box for every image" in shown.stderr
    assert f"probably {found['causes'][0]}" in shown.stderr


def test_images_and_boxes_that_are_all_alike_are_likely_causes(
    tiny_recipe: Path, tmp_path: Path, squares: Path
) -> None:
    changes = (*PLAIN, "data.loader={use: squares, moves: false}")
    summary, _ = run(tiny_recipe, tmp_path / "run", *changes, registry=discover(squares))
    causes = summary["constant_answers"]["causes"]
    assert causes[0] == "the true boxes of heart hardly differ: does the table repeat one?"
    assert causes[1].startswith("the training images hardly differ")


def test_a_model_that_learns_is_not_named(tiny_recipe: Path, tmp_path: Path, squares: Path) -> None:
    rate = ("train.epochs=12", "train.optimizer.lr=0.003", "model.head.hidden=[32]")
    changes = (*PLAIN, "data.loader={use: squares, moves: true}", *rate)
    summary, screen = run(tiny_recipe, tmp_path / "run", *changes, registry=discover(squares))
    assert "constant_answers" not in summary
    assert "nearly the same box" not in screen
