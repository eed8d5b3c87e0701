"""A new plugin's package keeps its contract and is used by its recipe, untouched."""

from __future__ import annotations

import errno
import runpy
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from hdf.cli.main import hdf
from hdf.errors import UserError
from hdf.recipe.check import check_recipe
from hdf.recipe.merge import resolve
from hdf.registry.kinds import KINDS
from hdf.registry.registry import discover

NAMES = {"loader": "folder-of-text", "head": "my_head", "backbone": "tiny2"}
LEAST = 25
"""Lines of a component that its author may have to change."""


def made(kind: str) -> Path:
    """A new package in the working directory."""
    CliRunner().invoke(hdf, ["new-plugin", kind, NAMES.get(kind, "own")], catch_exceptions=False)
    (folder,) = Path().absolute().glob("hdf-*")
    return folder


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory, which is forgotten as a place of modules.

    Other tests of the same process may have imported a plugin of the name that is used here.
    """
    monkeypatch.chdir(tmp_path)
    for name in [name for name in sys.modules if name.partition(".")[0] == "hdf_tiny_conv"]:
        monkeypatch.delitem(sys.modules, name)
    yield tmp_path
    for name, module in list(sys.modules.items()):
        if str(tmp_path) in str(getattr(module, "__file__", None)):
            del sys.modules[name]


def install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lay the package's metadata beside it, as pip leaves them."""
    project = tomllib.loads((folder / "pyproject.toml").read_text())["project"]
    about = folder / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    about.mkdir()
    head = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (about / "METADATA").write_text(head)
    entries = [f"{key} = {value}" for key, value in project["entry-points"]["hdf"].items()]
    (about / "entry_points.txt").write_text("\n".join(["[hdf]", *entries, ""]))
    monkeypatch.syspath_prepend(str(folder))


@pytest.mark.parametrize("kind", KINDS)
def test_it_keeps_its_contract_and_serves_its_recipe(
    place: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    folder = made(kind)
    install(folder, monkeypatch)
    test = runpy.run_path(str(folder / "tests" / f"test_{kind}.py"))["test_contract"]
    images = [place / "images"] if kind == "loader" else []
    for path in images:
        path.mkdir()
    test(*images)
    small = ["train.epochs=1", *([] if kind == "loader" else ["data.loader.count=10"])]
    checked = check_recipe(resolve(folder / "recipe.yaml", small), discover())
    name = NAMES.get(kind, "own").replace("-", "_")
    used = [part.component for part in checked.parts.values()]
    assert (kind, name) in [(component.kind, component.name) for component in used]
    done = CliRunner().invoke(hdf, ["run", str(folder / "recipe.yaml"), *small, "--out", "out"])
    assert done.exit_code == 0, done.output
    assert (place / "out" / "summary.json").is_file()


@pytest.mark.parametrize("kind", KINDS)
def test_little_of_it_is_to_be_changed(place: Path, kind: str) -> None:
    folder = made(kind)
    (source,) = folder.glob(f"hdf_*/{kind}.py")
    _, _, below = source.read_text().partition("\nclass ")
    body = below.rpartition('"""')[2].splitlines()
    assert 5 < len([line for line in body if line.strip()]) <= LEAST


def test_it_says_the_next_two_commands(place: Path) -> None:
    told = CliRunner().invoke(hdf, ["new-plugin", "backbone", "tiny-conv"]).stdout.splitlines()
    assert told[-2:] == [
        "  pip install -e './hdf-tiny-conv[test]'",
        "  hdf run hdf-tiny-conv/recipe.yaml",
    ]
    files = {str(path.relative_to(place)) for path in place.rglob("*") if path.is_file()}
    assert {name.removeprefix("hdf-tiny-conv/") for name in files} == {
        *(".gitignore", "LICENSE", "README.md", "pyproject.toml", "recipe.yaml"),
        *("hdf_tiny_conv/__init__.py", "hdf_tiny_conv/backbone.py", "tests/test_backbone.py"),
    }


@pytest.mark.parametrize(
    ("kind", "name", "message"),
    [
        ("hed", "x", "no kind is called 'hed'; did you mean 'head'"),
        ("head", "Mask2", "can't be a plugin's name; take lower-case letters"),
        ("head", "2masks", "can't be a plugin's name"),
        ("head", "a--b", "can't be a plugin's name"),
        ("head", "../up", "can't be a plugin's name"),
        ("head", "mask", "head 'mask' of heart-detection-framework .* has this name already"),
        ("head", "plugins", "a module hdf_plugins can be imported already"),
    ],
)
def test_a_name_that_would_not_do(place: Path, kind: str, name: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        hdf.main(["new-plugin", kind, name], standalone_mode=False)
    assert not list(place.iterdir())


def test_nothing_is_overwritten(place: Path) -> None:
    made("head")
    with pytest.raises(
        UserError, match="hdf-my-head: is there already, and nothing is overwritten"
    ):
        hdf.main(["new-plugin", "head", "my-head"], standalone_mode=False)


def test_nothing_is_left_of_a_package_that_could_not_be_written(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(folder: Path) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("hdf.tools.new_plugin._write_example", full)
    with pytest.raises(OSError, match="No space"):
        hdf.main(["new-plugin", "loader", "own"], standalone_mode=False)
    assert not list(place.iterdir())


def test_a_read_only_disk_is_told_with_the_package_s_own_name(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(folder: Path) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(folder))

    monkeypatch.setattr(Path, "mkdir", refuse)
    result = CliRunner().invoke(hdf, ["new-plugin", "head", "mine"])
    assert isinstance(result.exception, OSError)
    assert result.exception.filename == "hdf-mine"
