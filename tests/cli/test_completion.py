"""What the shell offers, asked as click's own scripts ask."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete, get_completion_class

from hdf.cli.main import hdf as group


def offered(*words: str) -> list[str]:
    """The values for the last word, in their order."""
    *before, incomplete = words
    shell = ShellComplete(group, {}, "hdf", "_HDF_COMPLETE")
    found = shell.get_completions(before, incomplete)
    return [item.value if item.type == "plain" else f"<{item.type}>" for item in found]


def test_commands_and_options() -> None:
    assert "list-plugins" in offered("li") and "run" in offered("")
    assert offered("run", "--n") == ["--nproc"]


def test_recipes_are_packaged_ones_or_files() -> None:
    for command in ("run", "check", "crossval", "preview", "audit", "prepare"):
        assert offered(command, "vgg16") == ["<file>", "vgg16_mse"]
    assert offered("recipes", "phantom") == ["phantom_heart_lungs", "phantom_vgg16"]


def test_components() -> None:
    assert offered("list-plugins", "vgg1") == ["vgg11", "vgg13", "vgg16", "vgg19"]
    assert offered("list-plugins", "--kind", "head", "m") == ["mask"]
    assert offered("list-plugins", "--kind", "h") == ["head"]
    assert offered("new-plugin", "vis") == ["visualizer"]


@pytest.mark.parametrize(
    ("words", "found"),
    [
        (["model.backbone.use=vgg1"], "model.backbone.use=vgg16"),
        (["model.head.use="], "model.head.use=mask"),
        (["augment.0.use=gam"], "augment.0.use=gamma"),
        (["visualize.1.use=w"], "visualize.1.use=worst"),
        (["data.loader.sources.chest.use=co"], "data.loader.sources.chest.use=coco"),
        (["model.backbone.use", "="], "vgg16"),
        (["model.backbone.use", "=", "vgg1"], "vgg16"),
        (["train.epochs=1", "model.head.use", "=", "m"], "mask"),
    ],
)
def test_overrides_name_components_of_the_right_kind(words: list[str], found: str) -> None:
    values = offered("run", "vgg16_mse", *words)
    assert found in values
    assert not {value.rpartition("=")[2] for value in values} & {"phantom", "affine"}


@pytest.mark.parametrize("word", ["train.epochs=", "train.ep", "data.loader.count=1", "", "use="])
def test_other_overrides_are_not_guessed(word: str) -> None:
    assert offered("run", "vgg16_mse", word) == []


PLUGIN = """
import hdf

@hdf.hookimpl
def hdf_heads(register):
    register("ours", "nowhere:Ours", summary="Ours")
"""


def test_the_plugins_of_a_folder_are_offered(tmp_path: Path) -> None:
    (tmp_path / "ours.py").write_text(PLUGIN)
    assert offered("list-plugins", "--plugins-dir", str(tmp_path), "ou") == ["ours"]
    assert offered("list-plugins", "--plugins-dir", str(tmp_path / "nowhere"), "vgg16") == []


def test_models_are_shipped_ones_runs_or_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for folder in ("chest/2026-01-02", "chest/2026-01-01", "chest-crossval/a/fold-0"):
        (tmp_path / "runs" / folder).mkdir(parents=True)
        (tmp_path / "runs" / folder / "best.safetensors").touch()
    (tmp_path / "runs" / "chest" / "failed").mkdir()
    newest_first = ["runs/chest/2026-01-02", "runs/chest/2026-01-01"]
    assert offered("predict", "--model", "runs/chest/") == ["<file>", *newest_first]
    assert offered("evaluate", "--model", "runs/chest-") == ["<file>", "runs/chest-crossval/a"]
    for command in ("export", "calibrate"):
        assert offered(command, "heart-lungs") == ["<file>", "heart-lungs", "heart-lungs-phantom"]


@pytest.mark.parametrize("word", ["", "heart"])
def test_zsh_gets_no_empty_line(word: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COMP_WORDS", f"hdf predict --model {word}")
    monkeypatch.setenv("COMP_CWORD", "3")
    zsh = get_completion_class("zsh")
    assert zsh
    lines = zsh(group, {}, "hdf", "_HDF_COMPLETE").complete().split("\n")
    assert lines[3:6] == ["plain", "heart-lungs", "_"]
    assert all(lines)  # its script drops empty ones, and reads the rest in threes


def test_fish_splits_at_the_first_comma_alone() -> None:
    fish = get_completion_class("fish")
    assert fish
    script = fish(group, {}, "hdf", "_HDF_COMPLETE").source()
    assert 'string split --max 1 "," $completion' in script


def test_fish_completes_a_path_from_what_is_written() -> None:
    shell = ShellComplete(group, {}, "hdf", "_HDF_COMPLETE")
    assert shell.get_completions(["run"], "mine/a")[0].value == "mine/a"


def test_bash_is_answered_without_torch() -> None:
    asked = {"COMP_WORDS": "hdf\nrun\nx\nmodel.head.use\n=\nm", "COMP_CWORD": "5"}
    shell = {"_HDF_COMPLETE": "bash_complete", "PYTHONPROFILEIMPORTTIME": "1"}
    script = "import sys; sys.argv[0] = 'hdf'; from hdf.__main__ import main; main()"
    shown = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **asked, **shell},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert shown.stdout == "plain,mask\n"
    imported = {line.rpartition("|")[2].strip() for line in shown.stderr.splitlines()}
    assert "pluggy" in imported
    assert not imported & {"torch", "numpy", "pydantic", "kornia", "matplotlib"}
