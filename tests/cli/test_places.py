"""Places that can't be written into, told before any image is read."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

from hdf.errors import UserError
from hdf.files import atomic
from tests.cli.calling import refusal

MODEL = "heart-lungs-phantom"
NOWHERE = "data.loader={use: csv_boxes, images: nowhere, table: nowhere.csv}"
FOLDS = "data.split={folds: 2}"

COMMANDS = {
    "run": ("run", "tiny.yaml", NOWHERE, "--out", "file/run"),
    "run, again": ("run", "tiny.yaml", NOWHERE, "--out", "file/run", "--overwrite"),
    "crossval": ("crossval", "tiny.yaml", NOWHERE, FOLDS, "--out", "file/run"),
    "evaluate": (
        *("evaluate", "--model", MODEL, "--images", "nowhere", "--table", "nowhere.csv"),
        *("--out", "file/run"),
    ),
    "predict": ("predict", "films", "--out", "file/run.csv"),
    "overlays": ("predict", "films", "--overlay", "file/run"),
    "preview": ("preview", "tiny.yaml", NOWHERE, "--out", "file/run.png"),
    "audit": ("audit", "tiny.yaml", NOWHERE, "--html", "file/run.html"),
    "export": ("export", MODEL, "--out", "file/run.onnx"),
}


@pytest.fixture
def folder(tiny_recipe: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A recipe, an image that can't be read, and a file that is to be a folder."""
    folder = tiny_recipe.parent
    monkeypatch.chdir(folder)
    Path("file").touch()
    Path("films").mkdir()
    Path("films/broken.png").touch()
    before = sorted(folder.rglob("*"))
    yield folder
    assert sorted(folder.rglob("*")) == before


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_it_is_told_before_data_are_looked_at(command: tuple[str, ...], folder: Path) -> None:
    (problem,) = refusal(*command).splitlines()
    assert problem.startswith("file/run")
    assert problem.endswith(f": can't be written into {folder / 'file'}: Not a directory")


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_disk_that_takes_no_file_is_told_too(
    command: tuple[str, ...], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(dir: Path) -> NoReturn:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(atomic, "TemporaryFile", refuse)
    command = tuple(part.replace("file/", "new/") for part in command)
    assert f"can't be written into {folder}: Read-only file system" in refusal(*command)


def test_the_review_s_table_is_refused_before_its_model_is_loaded(folder: Path) -> None:
    Path("there").mkdir()
    said = refusal("review", "no-such-model", "films", "--out", "file/t.csv", "--port", "0")
    Path("there").rmdir()
    assert "no folder that can be written into" in said


def test_a_run_that_goes_on_needs_a_folder_that_can_be_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(dir: Path) -> NoReturn:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr(atomic, "TemporaryFile", refuse)
    run = Path("run")
    run.mkdir()
    try:
        (run / "status.json").write_text('{"status": "interrupted"}')
        said = refusal("run", "--resume", run, "tiny.yaml", NOWHERE)
    finally:
        (run / "status.json").unlink()
        run.rmdir()
    assert "can't be written into" in said


@pytest.mark.parametrize("name", ["a" * 300, "file/run"])
def test_names_that_no_disk_takes_are_refused(name: str, folder: Path) -> None:
    with pytest.raises(UserError, match="can't be written into"):
        atomic.refuse_unwritable(Path(name))


@pytest.mark.parametrize("name", ["predict", "preview", "audit", "export"])
def test_a_file_that_is_read_only_stays_as_it_is(name: str, folder: Path) -> None:
    command = COMMANDS[name]
    path = Path(command[-1].replace("file/", ""))
    path.touch(mode=0o444)
    try:
        said = refusal(*command[:-1], path, "--overwrite")
    finally:
        path.unlink()
    assert said == f"{path}: is a read-only file; give another path, or make it writable"
