"""A recipe is known to be in order while nothing has changed that it was founded on."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from hdf.cli.main import hdf as command
from hdf.errors import UserError
from hdf.files.atomic import cache_folder
from hdf.registry.registry import Registry
from tests.conftest import Hdf

PLUGIN = """\
import hdf

@hdf.hookimpl
def hdf_loaders(register):
    register("listed", "{name}:Listed")
"""
LISTED = """\
from pathlib import Path
class Listed:
    def __init__(self, *, table: Path, folder: Path = Path("none"), limit: int = 1) -> None:
        if not table.exists() or limit > {limit}:
            raise ValueError("no table")
        self.found = {listing}
    def records(self):
        return []
"""
NAMES = iter(f"verdict_plugin_{number}" for number in range(100))
OLD = 1_700_000_000


class Place:
    """A folder with a plugin, a table and a cache."""

    def __init__(self, folder: Path) -> None:
        self.name, self.folder = next(NAMES), folder
        for inner in ("plugins", "cache", "modules", "images"):
            (folder / inner).mkdir()
        (folder / "plugins/listed.py").write_text(PLUGIN.format(name=self.name))
        (folder / "table.csv").write_text("1")
        self.write()

    def write(self, limit: int = 5, listing: str = "[]", when: int = OLD) -> None:
        module = self.folder / "modules" / f"{self.name}.py"
        module.write_text(LISTED.format(limit=limit, listing=listing))
        os.utime(module, (when, when))

    def check(self, *overrides: str) -> None:
        loader = "data.loader={use: listed, table: table.csv, folder: images}"
        arguments = ["vgg16_mse", loader, "augment=[]", "visualize=[]", *overrides]
        command.main(["check", *arguments, "--plugins-dir", "plugins"], standalone_mode=False)

    def verdicts(self) -> list[Path]:
        return list((cache_folder() / "checks").glob("*.json"))


@pytest.fixture
def place(tmp_path: Path, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Place:
    for kind, name in (("backbone", "vgg16"), ("head", "box_regression")):
        registry.find(kind, name).load()  # a process of its own begins without them each time
    place = Place(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # which would change a folder of modules
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HDF_CACHE", str(tmp_path / "cache"))
    monkeypatch.syspath_prepend(tmp_path / "modules")
    return place


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Grows whenever a recipe's components are built."""
    import hdf.models.build

    found: list[object] = []
    own = hdf.models.build.build_components

    def counted(checked: object) -> object:
        found.append(checked)
        return own(checked)  # type: ignore[arg-type]

    monkeypatch.setattr(hdf.models.build, "build_components", counted)
    return found


def test_the_same_recipe_is_built_once(
    place: Place, builds: list[object], capsys: pytest.CaptureFixture[str]
) -> None:
    place.check()
    first = capsys.readouterr()
    place.check()
    assert len(builds) == 1
    assert capsys.readouterr() == first
    assert first.err.endswith("in order\n")
    place.check("data.loader.limit=2")
    assert len(builds) == 2


def test_an_edited_module_is_built_again(place: Place, builds: list[object]) -> None:
    place.check()
    place.write(when=OLD + 1)
    place.check()
    assert len(builds) == 2


def test_a_file_that_an_option_names_counts(place: Place, builds: list[object]) -> None:
    place.check()
    (place.folder / "table.csv").unlink()
    with pytest.raises(UserError, match="no table"):
        place.check("--no-files")
    assert len(builds) == 2


def test_a_file_is_looked_for_each_time(place: Place, builds: list[object]) -> None:
    place.check()
    (place.folder / "images").rmdir()
    with pytest.raises(UserError, match=r"\(data\.loader\.folder\): there is no .* 'images'"):
        place.check()
    (place.folder / "images").mkdir()
    place.check()


def test_a_mistake_is_never_remembered(place: Place, builds: list[object]) -> None:
    for _ in range(2):
        with pytest.raises(UserError, match="no table"):
            place.check("data.loader.limit=6")
    assert len(builds) == 2 and not place.verdicts()


@pytest.mark.parametrize("listing", ["list(folder.iterdir())", "table.read_text()"])
def test_what_looks_at_files_is_built_each_time(
    listing: str, place: Place, builds: list[object]
) -> None:
    place.write(listing=listing)
    place.check()
    place.check()
    assert len(builds) == 2 and not place.verdicts()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"files": 3, "state": 1}', '{"files": [3, null], "state": ""}']
)
def test_damaged_verdicts_are_none(text: str, place: Place, builds: list[object]) -> None:
    place.check()
    (verdict,) = place.verdicts()
    verdict.write_text(text)
    place.check()
    assert len(builds) == 2


def test_a_cache_that_can_not_be_written_is_none(
    place: Place, builds: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HDF_CACHE", str(place.folder / "table.csv"))
    place.check()
    place.check()
    assert len(builds) == 2


def test_old_verdicts_go(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hdf.recipe.verdict.KEPT", 2)
    for limit in range(4):
        place.check(f"data.loader.limit={limit}")
    assert len(place.verdicts()) == 2


def test_neither_a_typo_nor_a_second_check_imports_torch(
    hdf_process: Hdf, tiny_recipe: Path, tmp_path: Path
) -> None:
    (tmp_path / "cache").mkdir()  # or a new entry would change the folder that Python runs in
    environment = {"HDF_CACHE": str(tmp_path / "cache"), "PYTHONPROFILEIMPORTTIME": "1"}
    slow = {" torch", " kornia", " numpy", " matplotlib"}

    def imported(*overrides: str) -> tuple[int, set[str]]:
        ended = hdf_process("check", tiny_recipe, *overrides, **environment)
        return ended.returncode, {
            f" {line.rpartition('|')[2].strip()}" for line in ended.stderr.splitlines()
        } & slow

    typo = imported(
        "trian.epochs=7", "model.backbone={use: resnt18}", "augment=[{use: affine, p: x}]"
    )
    assert typo == (2, set())
    assert imported() == (0, slow - {" matplotlib"})
    assert imported() == (0, set())


OWN = """\
import hdf

class Own:
    def __init__(self) -> None:
        if {refuses}:
            raise ValueError("no such data")
    def records(self):
        return []

@hdf.hookimpl
def hdf_loaders(register):
    register("own", Own)
"""


def test_files_of_one_name_in_two_folders_are_two_plugins(tmp_path: Path, hdf: Hdf) -> None:
    for folder, refuses in (("first", False), ("second", True)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "own.py").write_text(OWN.format(refuses=refuses))
    recipe = ("check", "vgg16_mse", "data.loader={use: own}", "augment=[]", "visualize=[]")
    for folder, code in (("first", 0), ("first", 0), ("second", 2)):
        done = hdf(*recipe, "--plugins-dir", str(tmp_path / folder))
        assert done.returncode == code, done.stderr
    assert "no such data" in done.stderr
