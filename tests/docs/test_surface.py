"""The public interface changes on purpose alone, and all of it is documented."""

from __future__ import annotations

import difflib
import re
import runpy
from pathlib import Path

import click
import pytest

import hdf
from hdf import hookspecs
from hdf.cli.main import hdf as group
from tests.docs.documentation import DOCS

SURFACE = runpy.run_path(str(DOCS / "surface.py"), run_name="surface")
PAGES = {path.name: path.read_text(encoding="utf-8") for path in DOCS.glob("*.md")}
BY_HAND = {name: text for name, text in PAGES.items() if name not in ("api.md", "commands.md")}
SOURCES = [
    path for folder in ("framework", "plugins") for path in (DOCS.parent / folder).rglob("*.py")
]


@pytest.mark.parametrize("file", SURFACE["FILES"])
def test_generated_files_are_up_to_date(file: str) -> None:
    """Where this fails for api-surface.txt: did you mean to change what others build upon?"""
    committed = (DOCS / file).read_text(encoding="utf-8").splitlines()
    changes = list(difflib.unified_diff(committed, SURFACE["FILES"][file]().splitlines(), n=0))
    told = f"docs/{file} is old. If the change is meant, run: {SURFACE['COMMAND']}; and tell it in "
    assert not changes, "\n".join([f"{told}CHANGELOG.md", *changes])


def test_the_surface_follows_from_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hdf, "__all__", [name for name in hdf.__all__ if name != "View"])
    without = SURFACE["surface"]()
    assert "class View(" in (DOCS / "api-surface.txt").read_text() and "class View(" not in without


def test_every_public_name_says_what_it_is() -> None:
    rows = re.findall(r"^\| `(\w+)` \| (.*) \|$", PAGES["api.md"], re.MULTILINE)
    assert {name for name, _ in rows} >= set(hdf.__all__)
    assert not [name for name, told in rows if not told.strip()]


def test_every_public_name_of_hdf_is_used_by_a_page() -> None:
    text = "\n".join(BY_HAND.values())
    names = set(hdf.__all__) - {"__version__"}
    assert not {name for name in names if not re.search(rf"\bhdf\.{name}\b|`{name}`", text)}


def test_every_hook_is_in_the_surface_and_on_a_page() -> None:
    surface = (DOCS / "api-surface.txt").read_text(encoding="utf-8")
    for hook in (name for name in vars(hookspecs) if name.startswith("hdf_")):
        assert f"\n{hook}(" in surface
        assert f"`{hook}(" in PAGES["plugins.md"]


@pytest.mark.parametrize("name", sorted(group.commands))
def test_every_command_and_option_is_documented(name: str) -> None:
    command = group.commands[name]
    assert command.help, f"hdf {name} has no docstring"
    for option in (item for item in command.params if isinstance(item, click.Option)):
        assert option.help, f"hdf {name} {option.opts[0]} has no help"
    assert any(re.search(rf"\bhdf {name}\b", text) for text in BY_HAND.values()), (
        f"no page but the generated one tells of hdf {name}"
    )


def test_every_variable_of_the_environment_is_documented() -> None:
    text = "\n".join(BY_HAND.values())
    found = {
        name
        for path in SOURCES
        for name in re.findall(r"[\"'](HDF_[A-Z_]+)[\"']", path.read_text(encoding="utf-8"))
    }
    assert {"HDF_CACHE", "HDF_DISABLE_PLUGINS"} <= found
    assert not {name for name in found if name not in text}


def test_the_decisive_file_is_named_where_contributors_look() -> None:
    contributing = Path(DOCS.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert SURFACE["COMMAND"] in contributing and "api-surface.txt" in contributing
