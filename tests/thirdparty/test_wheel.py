"""A stranger's package: built as a wheel, installed, listed, run, beside a broken sibling."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Hdf

PYPROJECT = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "hdf-{name}"
version = "1.2.3"

[project.entry-points.hdf]
{name} = "hdf_{name}"
"""

TINYCONV = """
import hdf

@hdf.hookimpl
def hdf_backbones(register):
    register("tinyconv", "hdf_tinyconv.model:TinyConv", summary="Two strided convolutions")
"""

MODEL = '''
from torch import nn

class TinyConv(nn.Module):
    """Two strided convolutions."""

    def __init__(self, in_channels: int = 1, *, width: int = 4) -> None:
        super().__init__()
        self.channels, self.strides = (width,), (4,)
        self.layers = nn.Sequential(
            nn.Conv2d(in_channels, width, 3, 2, 1), nn.ReLU(), nn.Conv2d(width, width, 3, 2, 1)
        )

    def forward(self, images):
        return [self.layers(images)]
'''


def build(folder: Path, name: str, modules: dict[str, str]) -> Path:
    """A wheel of a plugin package, built with its own build backend."""
    source = folder / f"source-{name}"
    package = source / f"hdf_{name}"
    package.mkdir(parents=True)
    (source / "pyproject.toml").write_text(PYPROJECT.format(name=name))
    for file, text in modules.items():
        (package / file).write_text(text)
    command = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        folder,
        source,
    ]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = folder.glob(f"hdf_{name}-1.2.3-*.whl")
    return wheel


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scratch target with a good and a broken plugin installed from their wheels."""
    folder = tmp_path_factory.mktemp("thirdparty")
    wheels = [
        build(folder, "tinyconv", {"__init__.py": TINYCONV, "model.py": MODEL}),
        build(folder, "broken", {"__init__.py": "raise ImportError('needs a licence key')"}),
    ]
    target = folder / "site"
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--target", target, *wheels]
    subprocess.run(command, check=True, capture_output=True)
    return target


def test_it_is_listed_beside_its_broken_sibling(hdf_process: Hdf, site: Path) -> None:
    shown = hdf_process("list-plugins", PYTHONPATH=str(site))
    assert shown.returncode == 0
    rows = {line.split()[1]: line for line in shown.stdout.splitlines()}
    assert rows["tinyconv"].startswith("backbone")
    assert "hdf-tinyconv" in rows["tinyconv"]
    assert rows["tinyconv"].split()[-2:] == ["1.2.3", "registered"]
    assert "failed: ImportError: needs a licence key" in rows["broken"]
    assert "vgg16" in rows


@pytest.fixture
def installed(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plugins are installed for this process as well."""
    monkeypatch.syspath_prepend(site)


@pytest.mark.usefixtures("installed")
def test_its_options_are_shown(hdf: Hdf) -> None:
    (found,) = json.loads(hdf("list-plugins", "tinyconv", "--json").stdout)
    assert found["status"] == "loaded"
    (width,) = found["options"]
    assert (width["name"], width["type"], width["default"]) == ("width", "int", 4)


@pytest.mark.usefixtures("installed")
def test_it_runs_in_a_recipe(hdf: Hdf, tiny_recipe: Path, tmp_path: Path) -> None:
    shown = hdf("run", tiny_recipe, "model.backbone={use: tinyconv, width: 6}", "--out", "out")
    assert shown.returncode == 0, shown.stderr
    environment = json.loads((tmp_path / "out" / "environment.json").read_text())
    assert environment["plugins"]["hdf-tinyconv"] == "1.2.3"
    assert (tmp_path / "out" / "summary.json").exists()


def test_it_can_be_switched_off(hdf_process: Hdf, site: Path) -> None:
    off = {"PYTHONPATH": str(site), "HDF_DISABLE_PLUGINS": "hdf-tinyconv,broken"}
    shown = hdf_process("list-plugins", **off)
    assert "tinyconv" not in shown.stdout
    assert "broken" not in shown.stdout


@pytest.mark.usefixtures("installed")
def test_two_packages_with_one_name_are_both_named(
    hdf: Hdf, tiny_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    twin = build(tmp_path, "twin", {"__init__.py": TINYCONV.replace("hdf_tinyconv", "hdf_twin")})
    target = tmp_path / "site"
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--target", target, twin]
    subprocess.run(command, check=True, capture_output=True)
    monkeypatch.syspath_prepend(target)
    used = hdf("check", tiny_recipe, "model.backbone={use: tinyconv}")
    assert used.returncode == 2
    assert "registered 2 times, by hdf-tinyconv 1.2.3 and hdf-twin 1.2.3" in used.stderr
    assert hdf("check", tiny_recipe).returncode == 0
