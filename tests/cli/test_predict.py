"""``hdf predict`` as a user types it; where it can be, in this process."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from dataclasses import asdict, replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from PIL import Image

from hdf.cli import main
from hdf.cli import predict as command
from hdf.errors import UserError
from hdf.inference.output import COLUMNS
from hdf.models.build import build_detector
from hdf.models.calibration import Calibration
from hdf.models.detector import Detector, ModelSpec
from hdf.models.file import save_model
from hdf.recipe.check import check_recipe
from hdf.recipe.merge import resolve
from hdf.registry.registry import Registry
from hdf.types import pad_targets
from tests.conftest import Hdf
from tests.dicom_files import SECRET_ID, SECRET_NAME, write_dicom
from tests.docs.documentation import section

LABELS = ("heart", "left_lung", "right_lung")
BOXES = [[8.0, 12, 22, 26], [17.0, 4, 28, 24], [4.0, 4, 15, 24]]  # in 32 x 32 pixels
RATIO = 14 / 24
CALIBRATION = Calibration(
    (0.5, 0.9),
    dict.fromkeys(LABELS, (1.0, 2.0)),
    (1.0, 2.0),
    dict.fromkeys(LABELS, (0.05, 0.05, 0.05, 0.05)),
)
Save = Callable[..., Path]


@pytest.fixture
def save(tmp_path: Path, tiny_recipe: Path, registry: Registry) -> Save:
    """Write a model that always answers `BOXES`, moved by `shift` network pixels."""
    tiny_recipe.unlink()

    def write(path: Path, shift: float = 0.0, **spec: Any) -> Path:
        torch.manual_seed(0)
        built = detector(tmp_path, registry)
        built.fit(pad_targets([torch.tensor(BOXES) + shift], [torch.arange(3)]))
        torch.nn.init.zeros_(built.head.layers[-1].weight)  # type: ignore[union-attr, arg-type, index]
        built.spec = replace(built.spec, **spec)
        save_model(built, path)
        return path

    return write


def detector(folder: Path, registry: Registry) -> Detector:
    recipe = folder / "recipe.yaml"
    recipe.write_text(
        "name: m\ndata: {loader: {use: phantom}, labels: [heart, left_lung, right_lung]}\n"
        "model: {backbone: {use: vgg11, width: 0.125}, head: {use: box_regression, hidden: [8]}}\n"
    )
    checked = check_recipe(resolve(recipe, []), registry)
    recipe.unlink()
    parts, plain = checked.parts, checked.resolved()["model"]
    spec = ModelSpec(plain["backbone"], plain["head"], "image", LABELS, (32, 32), "letterbox")
    return build_detector(parts["model", "backbone"], parts["model", "head"], spec)


@pytest.fixture
def model(save: Save, tmp_path: Path) -> Path:
    return save(tmp_path / "model.safetensors")


def png(path: Path, size: tuple[int, int] = (64, 64)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    grey = np.linspace(0, 255, size[0] * size[1]).reshape(size)
    Image.fromarray(grey.astype(np.uint8)).save(path)
    return path


def predict(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main.hdf, ["predict", *map(str, arguments)])


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(StringIO(text)))


def edges(row: dict[str, Any], prefix: str = "") -> list[float]:
    return [float(row[f"{prefix}{edge}"]) for edge in ("x0", "y0", "x1", "y1")]


def test_a_folder_becomes_csv_on_stdout(tmp_path: Path, model: Path) -> None:
    for name in ("a10.png", "a9.PNG", "below/b.png", ".hidden.png", ".cache/c.png"):
        png(tmp_path / "images" / name, (128, 64))
    shown = predict(tmp_path / "images", "--model", model)
    assert shown.exit_code == 0, shown.output
    found = rows(shown.stdout)
    assert tuple(found[0]) == COLUMNS
    names = [str(tmp_path / "images" / name) for name in ("a9.PNG", "a10.png", "below/b.png")]
    assert [row["image"] for row in found] == [name for name in names for _ in LABELS]
    assert [row["label"] for row in found] == [*LABELS] * 3
    # 128 x 64 becomes 32 x 16, 8 pixels from the left.
    assert edges(found[0]) == pytest.approx([0, 48, 56, 104], abs=0.01)
    assert {row["score"] for row in found} == {"1.0"}
    assert {
        row["ctr_low"] + row["outer_x0"] + row["spread_x0"] + row["doubt"] for row in found
    } == {""}
    assert shown.stderr.splitlines() == [
        "passed over 2 files that are no images: 2 hidden",
        "For research only: hdf is not a medical device.",
    ]


def test_what_is_passed_over_is_counted(tmp_path: Path, model: Path) -> None:
    folder = tmp_path / "images"
    png(folder / "a.png")
    for name in ("notes.txt", "b.TXT", "DICOMDIR"):
        (folder / name).write_text("no image")
    (tmp_path / "elsewhere").mkdir()
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    said = predict(folder, "--model", model).stderr.splitlines()
    assert said[0] == f"passed over {folder / 'link'}: a link to a folder"
    assert said[1] == "passed over 3 files that are no images: 2 .txt, 1 DICOMDIR"
    named = predict(folder / "a.png", folder / "notes.txt", folder / "DICOMDIR", "--model", model)
    assert named.exit_code == 1
    assert [bool(row["error"]) for row in rows(named.stdout)] == [*[False] * 3, True, True]


def test_a_name_that_is_not_utf_8_loses_nothing(tmp_path: Path, model: Path, hdf: Hdf) -> None:
    odd = b"caf\xe9.png".decode("utf-8", "surrogateescape")
    for name in (odd, "b.png"):
        png(tmp_path / "images" / name)
    (tmp_path / "images" / odd.replace("png", "tif")).touch()
    for out in ("table.csv", "table.json"):
        shown = hdf("predict", "images", "--model", model, "--out", out, "--overlay", "drawn")
        assert shown.returncode == 1, shown.stderr
        assert r"images/caf\udce9.tif: can't be read" in shown.stderr
    first = rows((tmp_path / "table.csv").read_text())[3]
    assert first["image"] == r"images/caf\udce9.png"
    assert (tmp_path / first["overlay"]).is_file()
    told = json.loads((tmp_path / "table.json").read_text())
    assert [item["image"] for item in told["images"]] == ["images/b.png", first["image"]]
    for options in ((), ("--json",)):
        printed = hdf("predict", "images", "--model", model, *options).stdout.encode()
        assert rb"caf\udce9.png" in printed.replace(rb"\\", b"\\")


def test_the_ratio_stands_in_every_row_of_an_image(tmp_path: Path, model: Path) -> None:
    found = rows(predict(png(tmp_path / "a.png"), "--model", model).stdout)
    assert [float(row["ctr"]) for row in found] == pytest.approx([RATIO] * 3, abs=1e-4)


def test_json_says_the_same(tmp_path: Path, model: Path) -> None:
    image = png(tmp_path / "a.png")
    told = json.loads(predict(image, "--model", model, "--json").stdout)
    (first,) = told["images"]
    assert told["models"] == [str(model)]
    assert told["coverage"] is None
    assert (first["image"], first["warning"]) == (str(image), [])
    assert edges(first["boxes"][0]) == [2 * edge for edge in BOXES[0]]
    table = rows(predict(image, "--model", model).stdout)
    assert [edges(row) for row in table] == [edges(box) for box in first["boxes"]]


@pytest.mark.parametrize("name", ["out/table.csv", "table.JSON"])
def test_a_table_is_written_and_replaced(tmp_path: Path, model: Path, name: str) -> None:
    image, out = png(tmp_path / "a.png"), tmp_path / name
    for _ in range(2):
        shown = predict(image, "--model", model, "--out", out)
        assert (shown.exit_code, shown.stdout) == (0, f"{out}\n"), shown.output
    text = out.read_text()
    assert len(json.loads(text)["images"] if name.endswith("JSON") else rows(text)) in (1, 3)
    out.write_text("something else")
    refused = predict(image, "--model", model, "--out", out)
    assert "is there already, and is no table of predictions" in str(refused.exception)
    assert out.read_text() == "something else"
    assert predict(image, "--model", model, "--out", out, "--overwrite").exit_code == 0
    assert out.read_text() == text


def test_what_cannot_be_read_is_told_and_the_others_go_on(tmp_path: Path, model: Path) -> None:
    images = [png(tmp_path / f"{n}.png") for n in range(4)]
    images[1].write_bytes(b"no picture")
    (tmp_path / "table.xlsx").touch()
    shown = predict(*images, tmp_path / "table.xlsx", "--model", model)
    assert shown.exit_code == 1
    found = rows(shown.stdout)
    assert list(dict.fromkeys(row["image"] for row in found)) == [
        *map(str, images),
        str(tmp_path / "table.xlsx"),
    ]
    failed = [row for row in found if row["error"]]
    assert [row["image"] for row in failed] == [str(images[1]), str(tmp_path / "table.xlsx")]
    assert failed[0]["error"].startswith("can't be read as a PNG image: ")
    assert {value for name, value in failed[0].items() if name not in ("image", "error")} == {""}
    errors = [line for line in shown.stderr.splitlines() if line.startswith("error: ")]
    assert errors[0].startswith(f"error: {images[1]}: can't be read as a PNG image: ")
    assert errors[1].startswith(f"error: {tmp_path / 'table.xlsx'}: '.xlsx' is not")
    told = json.loads(predict(images[0], images[1], "--model", model, "--json").stdout)
    assert [item["image"] for item in told["failed"]] == [str(images[1])]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere"], "nowhere: there is no such file or folder"),
        (["empty"], r"empty: holds no \.npy, .* file and no DICOM under another name"),
        (["a.png", "--model", "hart"], "hart: no shipped model has this name, .*; there are"),
        (["a.png", "--model", "a.png"], "a.png: not a readable model file"),
        (["a.png", "--model", "m.safetensors", "--device", "cuda:99"], "there is no device"),
    ],
)
def test_mistakes_are_told(
    save: Save, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    png(tmp_path / "a.png")
    save(tmp_path / "m.safetensors")
    shown = predict(*arguments)
    assert isinstance(shown.exception, UserError)
    assert re.match(message, str(shown.exception))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Missing argument"),
        (["--out", "a.txt"], "'a.txt' ends neither with .csv nor .json"),
        (["--tta", "0"], "0 is not in the range"),
        (["--coverage", "nan"], "the model is not calibrated"),
        (["--coverage", "0.9"], "the model is not calibrated"),
    ],
)
def test_misuse_is_told(tmp_path: Path, model: Path, arguments: list[str], message: str) -> None:
    image = [png(tmp_path / "a.png")] if arguments else []
    shown = predict(*image, "--model", model, *arguments)
    assert shown.exit_code == 2
    assert message in shown.stderr


def test_a_dicom_says_more_but_not_who_it_is(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HDF_SALT", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    pixels = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)
    said = {"ViewPosition": "AP", "PatientPosition": "HFS", "ImagerPixelSpacing": [5.0, 4.0]}
    (tmp_path / "images").mkdir()
    write_dicom(tmp_path / "images" / "1.2.3", pixels, **said)
    write_dicom(tmp_path / "images" / "1.2.4.dcm", pixels, ViewPosition="LL")
    shown = predict(tmp_path / "images", "--model", model)
    assert shown.exit_code == 0, shown.output
    bed, lateral = rows(shown.stdout)[0], rows(shown.stdout)[3]
    assert float(bed["heart_width_mm"]) == pytest.approx(28 * 4)
    assert (bed["spacing_at"], bed["view"]) == ("detector", "AP")
    assert "anteroposterior view: the heart looks wider than it is" in bed["warning"]
    assert "lying patient: the heart looks wider than it is" in bed["warning"]
    assert lateral["warning"] == "the file states the view LL: no frontal one"
    assert (lateral["heart_width_mm"], lateral["spacing_at"]) == ("", "")
    for secret in (SECRET_ID, SECRET_NAME):
        assert secret not in shown.output
    assert not (tmp_path / "config").exists()


def test_intervals_come_from_the_calibration(tmp_path: Path, save: Save) -> None:
    model = save(tmp_path / "m.safetensors", calibration=CALIBRATION)
    image = png(tmp_path / "a.png")
    told = json.loads(predict(image, "--model", model, "--json").stdout)
    narrow = rows(predict(image, "--model", model, "--coverage", "0.5").stdout)[0]
    (first,), wide = told["images"], told["images"][0]["boxes"][0]
    assert told["coverage"] == 0.9
    assert edges(wide, "outer_") == pytest.approx([13.2, 21.2, 46.8, 54.8], abs=0.02)
    assert edges(wide, "inner_") == pytest.approx([18.8, 26.8, 41.2, 49.2], abs=0.02)
    assert edges(narrow, "outer_") == pytest.approx([14.6, 22.6, 45.4, 53.4], abs=0.02)
    assert first["ctr_low"] < float(narrow["ctr_low"]) < RATIO < first["ctr_high"]
    refused = predict(image, "--model", model, "--coverage", "0.7")
    assert (refused.exit_code, "calibrated at 0.5, 0.9" in refused.stderr) == (2, True)


def test_an_ensemble_and_views_are_averaged(tmp_path: Path, save: Save) -> None:
    for fold, shift in enumerate((-1.0, 1.0)):
        save(tmp_path / "cv" / f"fold-{fold}" / "best.safetensors", shift)
    image = png(tmp_path / "a.png")
    first = rows(predict(image, "--model", tmp_path / "cv").stdout)[0]
    assert edges(first) == [2 * edge for edge in BOXES[0]]
    assert edges(first, "spread_") == pytest.approx([2, 2, 2, 2])
    assert first["outer_x0"] == ""
    (tmp_path / "cv" / "calibration.json").write_text(json.dumps(asdict(CALIBRATION)))
    calibrated = rows(predict(image, "--model", tmp_path / "cv").stdout)[0]
    assert edges(calibrated, "outer_") == pytest.approx([13.2, 21.2, 46.8, 54.8], abs=0.02)
    alone = ["--model", tmp_path / "cv" / "fold-0" / "best.safetensors"]
    both = [*alone, "--model", tmp_path / "cv" / "fold-1" / "best.safetensors"]
    assert rows(predict(image, *both).stdout)[0] == first
    views = rows(predict(image, *alone, "--tta", "4").stdout)[0]
    assert all(value > 0 for value in edges(views, "spread_"))  # the answer never moves, views do
    assert views == rows(predict(image, *alone, "--tta", "4").stdout)[0]


def test_overlays_are_drawn_beside_each_other(tmp_path: Path, save: Save) -> None:
    model = save(tmp_path / "m.safetensors", calibration=CALIBRATION)
    for name in ("a.png", "below/a.png"):
        png(tmp_path / "images" / name, (600, 500))
    arguments = (tmp_path / "images", "--model", model, "--overlay", tmp_path / "drawn")
    shown = predict(*arguments)
    assert shown.exit_code == 0, shown.output
    assert f"{tmp_path / 'drawn'}: contains the images" in shown.stderr
    found = sorted(
        path.relative_to(tmp_path / "drawn") for path in (tmp_path / "drawn").rglob("*.png")
    )
    assert found == [Path("a.png"), Path("below/a.png")]
    with Image.open(tmp_path / "drawn" / "a.png") as picture:
        assert picture.width == 500
        assert picture.height > 600
    table = rows(shown.stdout)
    assert {row["image"][len(str(tmp_path / "images")) :]: row["overlay"] for row in table} == {
        f"/{name}": str(tmp_path / "drawn" / name) for name in ("a.png", "below/a.png")
    }
    assert predict(*arguments).exit_code == 0
    onto = predict(tmp_path / "images", "--model", model, "--overlay", tmp_path / "images")
    assert "is there already, and is no overlay" in str(onto.exception)


def test_overlays_are_named_as_their_images(tmp_path: Path, model: Path) -> None:
    pixels = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64)
    (tmp_path / "images").mkdir()
    names = ("1.2.840.1", "1.2.840.2", "1.2.840.2.dcm")
    for name in names:
        write_dicom(tmp_path / "images" / name, pixels)
    shown = predict(tmp_path / "images", "--model", model, "--overlay", tmp_path / "drawn")
    drawn = [Path(row["overlay"]) for row in rows(shown.stdout)[::3]]
    assert [path.name for path in drawn] == ["1.2.840.1.png", "1.2.840.2.png", "1.2.840.2-2.png"]
    assert sorted((tmp_path / "drawn").iterdir()) == sorted(drawn)


def test_a_terminal_shows_a_table(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "_is_terminal", lambda: True)
    lines = predict(png(tmp_path / "a.png"), "--model", model).stdout.splitlines()
    assert " ".join(lines[0].split()) == "image found x0 y0 x1 y1 score CTR doubt warning"
    assert lines[1].split()[1:8] == ["heart", "16", "24", "44", "52", "1.00", "0.58"]
    assert lines[2].split()[0] == "left_lung"


WITHOUT = ("torchvision", "kornia", "matplotlib", "scipy", "pandas")


def test_a_fresh_process_imports_no_more_than_it_needs(
    hdf_process: Hdf, tmp_path: Path, model: Path
) -> None:
    image = png(tmp_path / "a.png")
    shown = hdf_process("predict", image, "--model", model, PYTHONPROFILEIMPORTTIME="1")
    assert shown.returncode == 0, shown.stderr
    assert len(rows(shown.stdout)) == 3
    imported = {line.rpartition("|")[2].strip() for line in shown.stderr.splitlines()}
    assert "torch" in imported
    assert not imported & set(WITHOUT)


def test_the_page_names_every_option_and_column() -> None:
    named = re.findall(r"^\| `(--[\w-]+)", section("prediction.md", "## Options"), re.MULTILINE)
    assert named == [o for item in command.predict.params for o in item.opts if "--" in o]
    columns = section("prediction.md", "## Columns")
    rows = re.findall(r"^\| (`[^|]+`) \|", columns, re.MULTILINE)
    assert [name for row in rows for name in re.findall(r"`(\w+)`", row)] == list(COLUMNS)


def test_two_processes_give_the_same_table(
    hdf: Hdf, hdf_process: Hdf, tmp_path: Path, model: Path
) -> None:
    for number in range(11):
        png(tmp_path / "images" / f"{number}.png", (64, 60 + number))
    (tmp_path / "images" / "4.png").write_bytes(b"no image")
    tables = []
    always = ("--model", model, "--device", "cpu", "--overlay", "drawn")
    for call, options in ((hdf, ()), (hdf_process, ("--nproc", "2"))):
        shown = call("predict", "images", *always, *options)
        assert shown.returncode == 1
        assert "error: images/4.png: " in shown.stderr
        tables.append(shown.stdout)
    assert tables[0] == tables[1]
    assert len({row["image"] for row in rows(tables[1])}) == 11
    assert len(list((tmp_path / "drawn").iterdir())) == 10
