"""A faulty component is told before training: its name, what it gives, what was expected."""

from __future__ import annotations

from pathlib import Path

import pytest

from hdf.errors import UserError
from hdf.registry.registry import discover
from tests.training.test_run import run

PLUGIN = """
import torch
import hdf
from torch import nn

class Backbone(nn.Module):
    channels, strides = {maps}
    def forward(self, images):
        return {features}

class Head(nn.Module):
    def __init__(self, channels, strides, labels):
        super().__init__()
        self.layer = nn.Linear(1, 4)
    def forward(self, features):
        return self.layer(features[-1].mean((2, 3)).sum(1, keepdim=True))
    def loss(self, raw, batch):
        return {loss}
    def decode(self, raw, size):
        one = hdf.Detections(raw[:1], torch.tensor([{label}]), torch.ones(1))
        return {found}

@hdf.hookimpl
def hdf_backbones(register):
    register("odd_backbone", Backbone)

@hdf.hookimpl
def hdf_heads(register):
    register("odd_head", Head)

class Loader:
    def records(self):
        {records}

@hdf.hookimpl
def hdf_loaders(register):
    register("odd_loader", Loader)
"""
GOOD = {
    "maps": "(3,), (2,)",
    "features": "[images[:, :, ::2, ::2]] * len(self.channels)",
    "loss": "{'square': raw.square().mean()}",
    "label": "0",
    "found": "[one, one]",
    "records": "return []",
}
MODEL = ("model.backbone={use: odd_backbone}", "model.head={use: odd_head}")


def odd_run(recipe: Path, folder: Path, *overrides: str, **faults: str) -> None:
    plugins = folder / "plugins"
    plugins.mkdir()
    (plugins / "odd.py").write_text(PLUGIN.format(**{**GOOD, **faults}))
    run(recipe, folder / "run", *overrides, registry=discover(plugins))


@pytest.mark.parametrize(
    ("fault", "value", "message"),
    [
        (
            "features",
            "images",
            r"forward gives a Tensor of shape \[2, 3, 32, 32\], expected a list",
        ),
        ("features", "[images] * 2", "gives 2 maps, but there are 1 channels and 1 strides"),
        (
            "features",
            "[images]",
            r"gives map 0 as \[2, 3, 32, 32\], expected about \[2, 3, 16, 16\]",
        ),
        ("features", "[images[0]]", r"gives map 0 as \[3, 32, 32\]"),
        ("maps", "(3, 3), (2, 1)", "gives maps of strides 2, 1, expected them from fine to coarse"),
        ("features", "1 / 0", "forward fails: ZeroDivisionError: division by zero"),
        ("loss", "raw.mean()", r"loss gives a Tensor of shape \[\], expected a dict"),
        ("loss", "{}", "loss gives a dict, expected a dict of named terms"),
        (
            "loss",
            "{'a': raw}",
            r"gives a Tensor of shape \[2, 4\] as 'a', expected a tensor without",
        ),
        ("loss", "{'a': 1.0}", "gives a float as 'a'"),
        ("loss", "{'loss': raw.mean()}", "names a term 'loss', which is the name of their sum"),
        ("found", "[one]", "decode gives 1 Detections for 2 images"),
        ("found", "one", "decode gives a Detections, expected a list of hdf.Detections"),
        ("label", "1", r"decode gives labels \[1\], expected 0 to 0"),
        ("label", "0, 0", r"gives \[1, 4\] boxes and \[1\] scores for 2 labels"),
    ],
)
def test_a_faulty_model_is_told_before_training(
    tiny_recipe: Path, tmp_path: Path, fault: str, value: str, message: str
) -> None:
    with pytest.raises(UserError, match=message) as caught:
        odd_run(tiny_recipe, tmp_path, *MODEL, **{fault: value})
    kind = "backbone" if fault in ("maps", "features") else "head"
    assert f"{kind} 'odd_{kind}' of odd.py: " in str(caught.value)
    assert str(caught.value).startswith("command line: model.")
    assert ("Traceback" in caught.value.traceback) == ("fails" in message)
    assert not (tmp_path / "run").exists()


def test_a_model_of_the_least_that_works(tiny_recipe: Path, tmp_path: Path) -> None:
    odd_run(tiny_recipe, tmp_path, *MODEL, "train.epochs=1")
    assert (tmp_path / "run" / "summary.json").exists()


@pytest.mark.parametrize(
    ("records", "message"),
    [
        ("return {}['hearts']", "odd.py: records fails: KeyError: 'hearts'"),
        ("return ['a.png']", "records must give a list of hdf.Sample"),
        ("return None", "records must give a list of hdf.Sample"),
        ("raise hdf.UserError('no disk in the drive')", "no disk in the drive"),
        ("raise ValueError('count is 0')", "odd_loader: count is 0"),
    ],
)
def test_a_faulty_loader_is_told(
    tiny_recipe: Path, tmp_path: Path, records: str, message: str
) -> None:
    with pytest.raises(UserError, match=message) as caught:
        odd_run(tiny_recipe, tmp_path, "data.loader={use: odd_loader}", records=records)
    assert str(caught.value).startswith("command line: data.loader")
