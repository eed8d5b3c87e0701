"""The built-in components are what the Protocols say, as mypy sees it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TYPED = """\
import hdf
from hdf import types
from hdf_plugins.augmentations.geometry import affine
from hdf_plugins.augmentations.intensity import Gamma
from hdf_plugins.backbones.resnet import ResNet18
from hdf_plugins.backbones.timm_model import Timm
from hdf_plugins.backbones.vgg import VGG16
from hdf_plugins.heads.box_regression import BoxRegression
from hdf_plugins.heads.dense import Mask
from hdf_plugins.loaders.concat import Concat
from hdf_plugins.visualizers.overlay import Overlay

def fit(vgg: VGG16, resnet: ResNet18, timm: Timm, boxes: BoxRegression, mask: Mask) -> None:
    backbones: list[hdf.Backbone] = [vgg, resnet, timm]
    staged: list[types.StagedBackbone] = [vgg, resnet]
    heads: list[hdf.Head] = [boxes, mask]
    fitted: types.FittedHead = boxes
    exportable: list[types.ExportableHead] = [boxes, mask]
    masks: types.MaskHead = mask

def others(concat: Concat, overlay: Overlay) -> None:
    loader: hdf.Loader = concat
    drawn: hdf.Visualizer = overlay
    augmentations: list[hdf.Augmentation] = [affine(degrees=1.0), Gamma()]
"""


@pytest.mark.long
@pytest.mark.parametrize(
    ("line", "fault"), [("", ""), ("no: hdf.Head = VGG16()", 'variable has type "Head"')]
)
def test_mypy_agrees(tmp_path: Path, line: str, fault: str) -> None:
    pytest.importorskip("mypy", reason="needs the extra dev")
    (tmp_path / "typed.py").write_text(TYPED + line + "\n")
    options = ["--config-file", ROOT / "pyproject.toml", "--cache-dir", ROOT / ".mypy_cache"]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", *options, tmp_path / "typed.py"],
        cwd=ROOT,
        env={**os.environ, "MYPYPATH": f"{ROOT / 'framework'}:{ROOT / 'plugins'}"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode == 0) == (not fault), done.stdout
    assert fault in done.stdout
