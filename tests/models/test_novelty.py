"""Other images than radiographs are doubted, and radiographs are not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from rich.console import Console
from torch import Tensor

from hdf.console.progress import Reporter
from hdf.inference import Predictor, load_predictor
from hdf.models.detector import Detector
from hdf.models.novelty import Doubt, doubt_features, fit_doubt
from hdf.recipe.check import check_recipe
from hdf.recipe.merge import resolve
from hdf.registry.registry import Registry
from hdf.runs.run_folder import RunFolder
from hdf.runtime.device import choose_compute
from hdf.training.run import run_recipe
from tests.painted import painted_detector

QUIET = Reporter(Console(quiet=True))
CHANNELS = (2, 5)


def maps(count: int, seed: int, noise: float = 0.3) -> list[Tensor]:
    """Maps of images that vary along three directions."""
    drawn = torch.Generator().manual_seed(seed)
    pattern = torch.randn(3, sum(CHANNELS), 8, 8, generator=torch.Generator().manual_seed(0))
    weights = torch.randn(count, 3, generator=drawn)
    found = torch.einsum("nk,kchw->nchw", weights, pattern)
    found += noise * torch.randn(found.shape, generator=drawn)
    return list(found.split(CHANNELS, 1))


@pytest.fixture(scope="module")
def doubt() -> Doubt:
    return fit_doubt(CHANNELS, doubt_features(maps(120, 1)))


def test_a_hundredth_of_like_images_at_most_are_doubted(doubt: Doubt) -> None:
    scores = doubt(maps(1000, 2))
    assert scores.shape == (1000,)
    assert scores.min() >= 0 and scores.max() <= 1
    assert (scores >= 0.5).float().mean() <= 0.01
    assert scores.median() < 0.1


def test_unlike_images_are_doubted(doubt: Doubt) -> None:
    usual = maps(100, 3)
    louder = [3 * item for item in usual]
    noise = maps(100, 3, noise=3.0)
    upside_down = [item.flip(2) for item in usual]
    for others, share in ((louder, 0.5), (noise, 0.99), (upside_down, 0.4)):
        assert (doubt(others) >= 0.5).float().mean() >= share
    assert doubt([item * torch.nan for item in usual]).tolist() == [1.0] * 100


def test_what_training_shows_augmented_is_not_doubted() -> None:
    plain, brighter = maps(120, 1), [item + 2 for item in maps(120, 1)]
    strict = fit_doubt(CHANNELS, doubt_features(plain))
    tolerant = fit_doubt(CHANNELS, doubt_features(plain), [doubt_features(brighter)])
    others = [item + 2 for item in maps(200, 4)]
    assert (strict(others) >= 0.5).float().mean() > 0.9
    assert (tolerant(others) >= 0.5).float().mean() <= 0.01


def test_channels_that_never_answered_do_not_doubt_rounding() -> None:
    plain = maps(120, 1)
    plain[1][:, 0] = 0
    found = fit_doubt(CHANNELS, doubt_features(plain))
    like = maps(100, 2)
    like[1][:, 0] = 1e-3
    assert (found(like) >= 0.5).float().mean() <= 0.02


def test_a_detector_without_it_says_nan() -> None:
    (found,) = Predictor([painted_detector()], choose_compute("cpu", "float32")).predict(
        [torch.rand(1, 40, 40)]
    )
    assert found.doubt != found.doubt


RECIPE = """\
name: doubting
data:
  loader: {use: phantom, count: 50, size: [64, 64]}
  image_size: [32, 32]
augment: [{use: gamma, gamma: [0.8, 1.2]}]
model:
  backbone: {use: vgg11, width: 0.125}
  head: {use: box_regression, hidden: [8]}
train: {epochs: 1, batch_size: 16, precision: float32}
"""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, registry: Registry) -> Path:
    folder = tmp_path_factory.mktemp("doubt")
    (folder / "r.yaml").write_text(RECIPE)
    checked = check_recipe(resolve(folder / "r.yaml", ["data.split={val: 0.2}"]), registry)
    run_recipe(checked, registry, RunFolder(folder / "run"), QUIET)
    return folder / "run"


def test_a_run_leaves_a_model_that_doubts(run: Path) -> None:
    predictor = load_predictor(run)
    (detector,) = predictor.detectors
    assert detector.spec.doubt == len(doubt_of(detector).axes) > 0
    noise = torch.rand(1, 64, 64, generator=torch.Generator().manual_seed(0))
    turned = [found.doubt for found in predictor.predict([noise])]
    assert turned[0] > 0.5


def doubt_of(detector: Detector) -> Doubt:
    assert detector.doubt is not None
    return detector.doubt


def test_few_images_give_no_doubt(tmp_path: Path, registry: Registry) -> None:
    (tmp_path / "r.yaml").write_text(RECIPE.replace("count: 50", "count: 20"))
    checked = check_recipe(resolve(tmp_path / "r.yaml", []), registry)
    run_recipe(checked, registry, RunFolder(tmp_path / "run"), QUIET)
    (detector,) = load_predictor(tmp_path / "run").detectors
    assert detector.doubt is None
    assert replace(detector.spec, doubt=0) == detector.spec
