"""``hdf preview`` as a user types it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PIL import Image

from hdf.cli.preview import preview
from tests.conftest import Hdf
from tests.docs.documentation import section


def test_a_preview_is_written_and_replaced(hdf: Hdf, tiny_recipe: Path, tmp_path: Path) -> None:
    shown = hdf("preview", tiny_recipe, "--count", "3")
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout == "tiny-preview.png\n"
    assert "10 images: 8 to train, 2 to validate" in shown.stderr
    first = (tmp_path / "tiny-preview.png").read_bytes()
    with Image.open(tmp_path / "tiny-preview.png") as picture:
        assert (picture.format, picture.mode) == ("PNG", "RGB")
    again = hdf("preview", tiny_recipe, "--count", "3")
    assert again.returncode == 0, again.stderr
    assert (tmp_path / "tiny-preview.png").read_bytes() == first
    assert {path.name for path in tmp_path.iterdir()} == {"tiny.yaml", "tiny-preview.png"}


def test_changes_and_choices(hdf: Hdf, tiny_recipe: Path, tmp_path: Path) -> None:
    out = tmp_path / "sheets" / "val.PNG"
    shown = hdf("preview", tiny_recipe, "data.labels=[heart, left_lung]", "--side", "val")
    assert shown.returncode == 0, shown.stderr
    shown = hdf("preview", tiny_recipe, "--plain", "--epoch", "2", "--out", out)
    assert shown.stdout == f"{out}\n", shown.stderr
    assert out.is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--count", "0"], "'--count': 0 is not in the range"),
        (["--count", "9999"], "'--count': 9999 is too many: a picture has room for"),
        (["--epoch", "0"], "'--epoch': 0 is not in the range"),
        (["--epoch", "3"], "'--epoch': 3 is more than the recipe's train.epochs, 2"),
        (["--side", "val", "--epoch", "1"], "--epoch goes with --side train"),
        (["--side", "test"], "'test' is not one of"),
        (["--out", "a.jpg"], "'--out': 'a.jpg' does not end with .png"),
    ],
)
def test_misuse_is_told(
    hdf: Hdf, tiny_recipe: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    shown = hdf("preview", tiny_recipe, *arguments)
    assert shown.returncode == 2
    assert message in shown.stderr
    assert "Traceback" not in shown.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["tiny.yaml"]


def test_another_file_is_kept_and_told_before_data_are_read(
    hdf: Hdf, tiny_recipe: Path, tmp_path: Path
) -> None:
    other = tmp_path / "tiny-preview.png"
    other.write_text("something else")
    shown = hdf("preview", tiny_recipe)
    assert shown.returncode == 2
    assert shown.stderr.startswith("error: tiny-preview.png: is there already")
    assert "images" not in shown.stderr
    assert other.read_text() == "something else"
    assert hdf("preview", tiny_recipe, "--count", "1", "--overwrite").returncode == 0
    assert other.read_bytes().startswith(b"\x89PNG")


def test_help_is_quick(hdf_process: Hdf) -> None:
    shown = hdf_process("preview", "--help", PYTHONPROFILEIMPORTTIME="1")
    assert shown.returncode == 0
    imported = {line.rpartition("|")[2].strip() for line in shown.stderr.splitlines()}
    assert not imported & {"torch", "numpy", "pydantic", "matplotlib", "PIL"}


def test_the_page_names_every_option() -> None:
    named = re.findall(r"^\| `(--[\w-]+)", section("preview.md", "## Options"), re.MULTILINE)
    assert named == [option for item in preview.params for option in item.opts if "--" in option]
