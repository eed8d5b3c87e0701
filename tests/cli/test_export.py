"""``hdf export``, and ``hdf predict --engine onnx``."""

from __future__ import annotations

import csv
import json
import sys
from dataclasses import asdict
from io import StringIO
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hdf.cli import main
from hdf.errors import UserError
from tests.cli.test_predict import CALIBRATION, Save, png
from tests.cli.test_predict import save as save  # the fixture
from tests.tools.test_export import onnx


def hdf(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main.hdf, [*map(str, arguments)])


def table(result: Result) -> list[dict[str, str]]:
    assert result.exit_code == 0, result.output
    return list(csv.DictReader(StringIO(result.stdout)))


def test_a_file_is_written_checked_and_replaced(tmp_path: Path, save: Save) -> None:
    model, out = save(tmp_path / "m.safetensors"), tmp_path / "below" / "m.pt2"
    check = ("--check", png(tmp_path / "a.png", (90, 61)))
    for said in ((), ("--format", "pt2")):  # where it is not said, the ending says it
        shown = hdf("export", model, *said, *check, "--out", out)
        assert shown.exit_code == 0, shown.exception
        assert out.is_file()
        assert shown.stderr.startswith("exporting ")  # it takes a while
        assert shown.stdout.startswith(f"{out}: agrees with PyTorch, edges within ")
    out.write_text("something else")
    refused = hdf("export", model, "--format", "pt2", *check, "--out", out)
    assert "is there already, and is no exported pt2 model" in str(refused.exception)
    assert out.read_text() == "something else"
    assert [path.name for path in out.parent.iterdir()] == ["m.pt2"]


FEW = """\
import hdf

@hdf.hookimpl
def hdf_backbones(register):
    register("vgg11", "hdf_plugins.backbones.vgg:VGG11")

@hdf.hookimpl
def hdf_heads(register):
    register("box_regression", "hdf_plugins.heads.box_regression:BoxRegression")
"""


def test_a_model_is_checked_without_any_loader(
    tmp_path: Path, save: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "few.py").write_text(FEW)
    monkeypatch.setattr("hdf.tools.export.SIZES", ((40, 50),))
    monkeypatch.setenv("HDF_DISABLE_PLUGINS", "builtin")
    model = save(tmp_path / "m.safetensors")
    few = ("--plugins-dir", tmp_path / "plugins")
    shown = hdf("export", model, "--out", tmp_path / "m.pt2", *few)
    assert shown.exit_code == 0, shown.exception
    assert "agrees with PyTorch" in shown.stdout


def test_an_unclear_format_is_refused(tmp_path: Path, save: Save) -> None:
    model, check = save(tmp_path / "m.safetensors"), ("--check", png(tmp_path / "a.png", (90, 61)))
    for unclear in ((), ("--out", tmp_path / "named.bin")):
        refused = hdf("export", model, *unclear, *check)
        assert refused.exit_code == 2
        assert "--format onnx or pt2" in refused.output


def test_several_models_are_no_graph(tmp_path: Path, save: Save) -> None:
    for fold in range(2):
        save(tmp_path / "cv" / f"fold-{fold}" / "best.safetensors")
    shown = hdf("export", tmp_path / "cv", "--format", "pt2", "--out", tmp_path / "m.pt2")
    assert "contains several models" in str(shown.exception)


def test_an_exported_file_predicts_the_same(tmp_path: Path, save: Save) -> None:
    onnx()
    model = save(tmp_path / "m.safetensors", calibration=CALIBRATION)
    images = [png(tmp_path / "images" / f"{n}.png", (64 + 9 * n, 70)) for n in range(3)]
    out = tmp_path / "m.onnx"
    shown = hdf("export", model, "--format", "onnx", "--out", out, "--check", images[0])
    assert shown.exit_code == 0, shown.exception
    drawn = ("--overlay", tmp_path / "drawn")
    expected = table(hdf("predict", *images, "--model", model, *drawn))
    found = table(hdf("predict", *images, "--model", out, "--engine", "onnx", *drawn))
    assert [list(row) for row in found] == [list(row) for row in expected]
    for row, other in zip(found, expected, strict=True):
        for name, value in other.items():
            if name in ("image", "label", "view", "warning", "spacing_at", "overlay") or not value:
                assert row[name] == value
            else:
                assert float(row[name]) == pytest.approx(float(value), abs=0.1)
    assert len(list((tmp_path / "drawn").iterdir())) == 3


def test_any_model_is_exported_once_into_the_cache(
    tmp_path: Path, save: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    onnx()
    monkeypatch.setenv("HDF_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("hdf.tools.export.SIZES", ((40, 50),))
    for fold, shift in enumerate((-1.0, 1.0)):
        save(tmp_path / "cv" / f"fold-{fold}" / "best.safetensors", shift)
    (tmp_path / "cv" / "calibration.json").write_text(json.dumps(asdict(CALIBRATION)))
    arguments = ("predict", png(tmp_path / "a.png"), "--model", tmp_path / "cv", "--tta", "2")
    first = hdf(*arguments, "--engine", "onnx")
    again = hdf(*arguments, "--engine", "onnx")
    assert first.stderr.count("exporting ") == 2 and "exporting" not in again.stderr
    assert len(list((tmp_path / "cache" / "onnx").iterdir())) == 2
    assert first.stdout == again.stdout
    for row, other in zip(table(first), table(hdf(*arguments)), strict=True):
        for edge in ("x0", "outer_x0", "spread_y1"):
            assert float(row[edge]) == pytest.approx(float(other[edge]), abs=0.1)


def test_what_is_missing_is_named(
    tmp_path: Path, save: Save, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, image = save(tmp_path / "m.safetensors"), png(tmp_path / "a.png")
    (tmp_path / "m.onnx").touch()
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    monkeypatch.setitem(sys.modules, "onnx", None)
    extra = r"is not installed: pip install 'heart-detection-framework\[onnx\]'"
    for arguments in (
        ("predict", image, "--model", tmp_path / "m.onnx", "--engine", "onnx"),
        ("export", model, "--format", "onnx", "--out", tmp_path / "new.onnx"),
    ):
        with pytest.raises(UserError, match=extra):
            raise hdf(*arguments).exception or AssertionError


def test_another_file_is_no_model(tmp_path: Path) -> None:
    onnx()
    (tmp_path / "m.onnx").write_bytes(b"something else")
    arguments = ("--model", tmp_path / "m.onnx", "--engine", "onnx")
    shown = hdf("predict", png(tmp_path / "a.png"), *arguments)
    assert str(shown.exception).startswith(f"{tmp_path / 'm.onnx'}: not a readable ONNX file: ")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "m.onnx"], "'m.onnx' is an exported model; take --engine onnx"),
        (["--engine", "onnx", "--device", "cuda"], "onnx computes on the CPU and in float32"),
        (
            ["--engine", "onnx", "--precision", "bfloat16"],
            "onnx computes on the CPU and in float32",
        ),
    ],
)
def test_misuse_is_told(tmp_path: Path, arguments: list[str], message: str) -> None:
    shown = hdf("predict", png(tmp_path / "a.png"), *arguments)
    assert shown.exit_code == 2
    assert message in shown.stderr
