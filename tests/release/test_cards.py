"""The version, the changelog and the cards of the shipped weights say the same."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from hdf import __version__
from hdf.models.file import load_model
from hdf.models.weights import find_models, shipped_models
from hdf.recipe.load import packaged_recipes
from hdf.registry.registry import discover

ROOT = Path(__file__).parents[2]
WEIGHTS = [
    path for part in ("framework", "plugins") for path in (ROOT / part).rglob("*.safetensors")
]


def released() -> list[str]:
    """The versions of the changelog, the newest first."""
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    headings: list[str] = re.findall(r"^## \[(.+)\]$", changelog, re.MULTILINE)
    return headings[headings[0] == "Unreleased" :]


def test_the_version_is_the_newest_of_the_changelog() -> None:
    versions = [Version(text) for text in released()]
    assert versions[0] == Version(__version__)
    assert versions == sorted(set(versions), reverse=True)


def test_the_extra_dicom_can_still_be_named() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["optional-dependencies"]["dicom"] == []
    assert "pydicom" in {Requirement(text).name for text in project["dependencies"]}


def card(weights: Path) -> dict[str, str]:
    """The table of a card, under its title."""
    text = weights.with_suffix(".md").read_text(encoding="utf-8")
    assert text.startswith(f"# {weights.stem}\n")
    assert "**Not a medical device.**" in text
    return dict(re.findall(r"^\| ([^|]+) \| ([^|]+) \|$", text, re.MULTILINE))


@pytest.mark.parametrize("weights", WEIGHTS, ids=lambda path: path.stem)
def test_weights_have_a_card_that_says_how_they_were_made(weights: Path) -> None:
    made_by = card(weights)["made by"]
    (version,) = re.findall(r"hdf (\d[\w.]*)", made_by)
    assert version in released()
    recipes = re.findall(r"recipes/(\w+)\.yaml", made_by)
    assert recipes and set(recipes) <= {path.stem for path in packaged_recipes()}
    assert card(weights)["licence"].startswith("Apache-2.0")


@pytest.mark.parametrize("name", shipped_models())
def test_a_model_is_what_its_card_says(name: str) -> None:
    (path,) = find_models(name)
    detector = load_model(path, discover())
    millions = sum(parameter.numel() for parameter in detector.parameters()) / 1e6
    height, width = detector.spec.image_size
    stated = card(path)["model"]
    assert f"{millions:.2f} million parameters, {height} x {width} px" in stated
    assert stated.endswith(detector.spec.resize)
    assert stated.lower().startswith(str(detector.spec.backbone["use"]))
    assert f"head `{detector.spec.head['use']}`" in stated
