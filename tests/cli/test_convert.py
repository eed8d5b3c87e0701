"""Boxes keep their place, label and image whatever format they are written in."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hdf import Sample
from hdf.data.decode import in_original_pixels
from hdf.registry.registry import Registry
from tests.conftest import Hdf
from tests.dicom_files import write_dicom

SIZES = {"a.png": (40, 50), "ward/b.JPG": (64, 48), "ward/1.2.840.113": (40, 50), "c.png": (30, 30)}
"""(height, width) of the films; the last has no box."""
TABLE = """\
name,label,x_min,y_min,x_max,y_max,patient
a.png,heart,5.25,6,25,16.125,p1
a.png,left lung & "root",1,2,3.3333,4,p1
ward/b.JPG,heart,0,0,48,64,p1
ward/1.2.840.113,heart,10,11,30,32,p2
c.png,,,,,,p3
"""
BACK: dict[str, dict[str, Any]] = {
    "csv": {"use": "csv_boxes", "table": "out"},
    "coco": {"use": "coco", "annotations": "out"},
    "voc": {"use": "voc", "annotations": "out"},
    "yolo": {"use": "yolo", "annotations": "out/labels", "data": "out/data.yaml"},
    "label_studio": {"use": "label_studio", "annotations": "out"},
    "cvat": {"use": "cvat", "annotations": "out"},
}
"""By what ``--to`` says, the loader that reads it."""
FROM = ("csv_boxes", "images=films", "table=table.csv")


@pytest.fixture
def films(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HDF_SALT", "a secret of the tests")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "films" / "ward").mkdir(parents=True)
    rng = np.random.default_rng(0)
    for name, size in SIZES.items():
        path = tmp_path / "films" / name
        pixels = rng.integers(0, 255, size, np.uint8)
        if path.suffix.lower() in (".png", ".jpg"):
            Image.fromarray(pixels).save(path)
        else:
            write_dicom(path.with_name("x.dcm"), pixels.astype(np.uint16)).rename(path)
    (tmp_path / "table.csv").write_text(TABLE)
    return tmp_path


def _read(registry: Registry, use: str, **options: Any) -> dict[str, Sample]:
    samples = registry.find("loader", use).load()(images=Path("films"), **options).records()
    assert not [fault for sample in samples for fault in sample.faults]
    return {sample.id: sample for sample in samples}


def _boxes(samples: dict[str, Sample]) -> dict[str, list[tuple[str, list[float]]]]:
    sizes = {"a": (40, 50), "ward/b": (64, 48), "ward/1.2.840.113": (40, 50), "c": (30, 30)}
    found = {}
    for id, sample in samples.items():
        assert sample.target is not None
        boxes = in_original_pixels(sample.target, sizes[id]).tolist()
        found[id] = sorted(zip(sample.target.labels, boxes, strict=True))
    return found


@pytest.mark.parametrize("form", BACK)
def test_what_is_written_reads_back_the_same(
    films: Path, hdf: Hdf, registry: Registry, form: str
) -> None:
    truth = _read(registry, "csv_boxes", table="table.csv")
    done = hdf("convert", *FROM, "--to", form, "--out", "out")
    assert (done.returncode, done.stdout) == (0, "out\n"), done.stderr
    assert '4 images, 1 of them without a box; boxes: 3 heart, 1 left lung & "root"' in done.stderr
    assert ("of one patient is not written" in done.stderr) == (form not in ("csv", "coco"))
    again = _read(registry, **BACK[form])
    assert {id: [label for label, _ in boxes] for id, boxes in _boxes(again).items()} == {
        id: [label for label, _ in boxes] for id, boxes in _boxes(truth).items()
    }
    for id, boxes in _boxes(truth).items():
        for (_, box), (_, other) in zip(boxes, _boxes(again)[id], strict=True):
            assert other == pytest.approx(box, abs=1e-3)
    if form in ("csv", "coco"):
        assert again["a"].group == again["ward/b"].group != again["c"].group


def test_all_that_is_written_trains(films: Path, hdf: Hdf) -> None:
    sources = {}
    for form, loader in BACK.items():
        out = {key: str(value).replace("out", form) for key, value in loader.items()}
        assert hdf("convert", *FROM, "--to", form, "--out", form).returncode == 0
        sources[form] = {**out, "images": "films"}
    recipe = {
        "data": {"loader": {"use": "concat", "sources": sources}, "image_size": [32, 32]},
        "model": {
            "backbone": {"use": "vgg11", "width": 0.125},
            "head": {"use": "box_regression", "hidden": [8]},
        },
        "train": {"epochs": 1, "batch_size": 8, "precision": "float32"},
        "visualize": [],
    }
    (films / "all.yaml").write_text(json.dumps(recipe))
    done = hdf("run", "all.yaml", "--out", "run")
    assert done.returncode == 0, done.stderr
    # what the model finds is a table of labels in its turn
    done = hdf("predict", "films", "--model", "run", "--out", "found.csv")
    assert done.returncode == 0, done.stderr
    predictions = ("hdf_predictions", "images=films", "table=found.csv")
    done = hdf("convert", *predictions, "--to", "label_studio", "--out", "tasks.json")
    assert done.returncode == 0, done.stderr
    assert len(json.loads((films / "tasks.json").read_text())) == 4


def test_predictions_are_labels(films: Path, registry: Registry) -> None:
    header = "image,label,score,x0,y0,x1,y1,ctr,error\n"
    rows = "films/a.png,heart,0.9,5,6,25,16,0.4,\nfilms/a.png,lung,0.2,1,2,3,4,0.4,\n"
    Path("found.csv").write_text(f"{header}{rows}films/c.png,,,,,,,,\n")
    options = {"use": "hdf_predictions", "table": Path("found.csv")}
    assert _boxes(_read(registry, **options)) == {
        "a": [("heart", [5, 6, 25, 16]), ("lung", [1, 2, 3, 4])],
        "c": [],
    }
    assert _boxes(_read(registry, **options, min_score=0.5))["a"] == [("heart", [5, 6, 25, 16])]
    os.link("films/a.png", b"films/\xff.png")
    Path("found.csv").write_text(f"{header}films/\\udcff.png,heart,0.9,5,6,25,16,0.4,\n")
    (sample,) = _read(registry, **options).values()
    assert sample.id == "\\udcff"
    assert sample.target is not None
    Path("found.csv").write_text(f"{header}films/c.png,,,,,,,,the file is damaged\n")
    loader = registry.find("loader", "hdf_predictions").load()
    (sample,) = loader(images=Path("films"), table=Path("found.csv")).records()
    assert sample.faults == (
        "found.csv:2: hdf predict could not read the image: the file is damaged",
    )


REFUSED = {
    ("vocc", "images=films"): "did you mean 'voc'?",
    ("csv_boxes", "images=films"): "table",
    ("csv_boxes", "images=films", "table=none.csv"): "none.csv: there is no such table",
    ("csv_boxes", "images=films", "table=bad.csv"): "bad.csv:2: there is no image 'gone'",
    ("phantom", "count=2"): "no file holds this image",
    ("image_folder", "images=films"): "no image has a box",
    ("hdf_predictions", "images=films", "table=table.csv"): "it has no column image",
    ("csv_boxes", "images=films", "table=wide.csv"): "reaches outside its image",
}


@pytest.mark.parametrize("words", REFUSED, ids=" ".join)
def test_refused_and_nothing_is_written(films: Path, hdf: Hdf, words: tuple[str, ...]) -> None:
    (films / "bad.csv").write_text("name,x_min,y_min,x_max,y_max\ngone,1,2,3,4\n")
    (films / "wide.csv").write_text("name,x_min,y_min,x_max,y_max\na,1,2,300,4\nc,1,2,3,4\n")
    for form in ("coco", "voc"):
        done = hdf("convert", *words, "--to", form, "--out", "out")
        assert done.returncode == 2
        assert REFUSED[words] in done.stderr
        assert not [path for path in films.iterdir() if "out" in path.name]


def test_a_recipe_may_leave_out_what_is_bad(films: Path, hdf: Hdf) -> None:
    (films / "table.csv").write_text(f"{TABLE}gone,heart,1,2,3,4,p9\n")
    (films / "mine.yaml").write_text("data: {loader: {use: csv_boxes}, on_bad: skip}\n")
    options = ("mine.yaml", "data.loader.images=films", "data.loader.table=table.csv")
    done = hdf("convert", *options, "--to", "csv", "--out", "out.csv")
    assert done.returncode == 0, done.stderr
    assert "left out: table.csv:7: there is no image 'gone' in films" in done.stderr
    with (films / "out.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 5
    again = hdf("convert", *options, "--to", "csv", "--out", "out.csv")
    assert again.returncode == 2
    assert "out.csv: is there already" in again.stderr
