"""What labelling tools export is read as they draw it, and every fault is told with its place."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from hdf import Loader, Sample, UserError
from hdf_plugins.loaders.cvat import Cvat
from hdf_plugins.loaders.label_studio import LabelStudio
from hdf_plugins.loaders.voc import Voc
from hdf_plugins.loaders.yolo import Yolo

VOC = """<annotation verified="yes">
  <folder>films</folder><filename>{name}</filename><path>C:\\films\\{name}</path>
  <size><width>{width}</width><height>40</height><depth>1</depth></size>
  <object><name>heart</name><pose>Unspecified</pose><truncated>0</truncated>
    <bndbox><xmin>{left}</xmin><ymin>6.5</ymin><xmax>25</xmax><ymax>16</ymax></bndbox></object>
</annotation>"""
CVAT = """<?xml version="1.0" encoding="utf-8"?>
<annotations><version>1.1</version><meta><task><id>7</id></task></meta>
  <image id="0" name="{name}" width="50" height="40">
    <box label="heart" source="manual" occluded="0" xtl="{left}" ytl="6.50" xbr="25.00" ybr="16.00"
      z_order="0"></box>{more}
  </image>
  <image id="1" name="b.png" width="50" height="40"></image>
</annotations>"""
BOX = [5, 6.5, 25, 16]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Two images of 40 x 50 pixels."""
    folder = tmp_path / "images"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        Image.new("L", (50, 40), 128).save(folder / name)
    return folder


def voc(images: Path, name: str = "a.png", left: Any = 5, width: Any = 50) -> Loader:
    (images.parent / "a.xml").write_text(VOC.format(name=name, left=left, width=width))
    return Voc(images=images, annotations=images.parent)


def cvat(images: Path, name: str = "a.png", left: Any = "5.00", more: str = "") -> Loader:
    table = images.parent / "annotations.xml"
    table.write_text(CVAT.format(name=name, left=left, more=more))
    return Cvat(images=images, annotations=table)


def yolo(images: Path, line: str = "1 0.3 0.28125 0.4 0.2375", name: str = "a") -> Loader:
    (images.parent / "labels").mkdir(exist_ok=True)
    (images.parent / "labels" / f"{name}.txt").write_text(f"{line}\n\n")
    names = images.parent / "data.yaml"
    names.write_text("path: ..\nnc: 2\nnames:\n  0: lung\n  1: heart\n")
    return Yolo(images=images, data=names)


def task(name: str = "/data/upload/3/0a1b2c3d-a.png", **value: Any) -> dict[str, Any]:
    region = {"x": 10, "y": 16.25, "width": 40, "height": 23.75, "rotation": 0} | value
    result = {"type": "rectanglelabels", "value": region | {"rectanglelabels": ["heart"]}}
    return {
        "id": 4,
        "data": {"image": name},
        "annotations": [
            {"was_cancelled": False, "result": []},
            {"was_cancelled": False, "result": [result]},
            {"was_cancelled": True, "result": []},
        ],
    }


def label_studio(images: Path, tasks: Any = None) -> Loader:
    table = images.parent / "export.json"
    table.write_text(json.dumps([task()] if tasks is None else tasks))
    return LabelStudio(images=images, annotations=table)


def minimal(images: Path) -> Loader:
    region = {"x": 10, "y": 16.25, "width": 40, "height": 23.75, "rectanglelabels": ["heart"]}
    sizes = {"original_width": 50, "original_height": 40}
    entry = {"id": 1, "image": "/data/local-files/?d=films%2Fa.png", "label": [region | sizes]}
    return label_studio(images, [entry])


def edges(sample: Sample) -> list[float]:
    """The box in the pixels of the image, 40 x 50."""
    assert sample.target is not None
    assert sample.target.labels == ("heart",)
    height, width = sample.target.frame or (40, 50)
    box = sample.target.boxes[0].tolist()
    return [edge * side for edge, side in zip(box, (50 / width, 40 / height) * 2, strict=True)]


@pytest.mark.parametrize("make", [voc, cvat, yolo, label_studio, minimal])
def test_every_tools_box_is_the_same_box(images: Path, make: Callable[[Path], Loader]) -> None:
    samples = {sample.id: sample for sample in make(images).records()}
    assert not samples["a"].faults
    assert edges(samples["a"]) == pytest.approx(BOX, abs=1e-4)
    assert samples["a"].read().shape == (1, 40, 50)


@pytest.mark.parametrize("make", [cvat, yolo])
def test_an_image_without_a_box_belongs_to_the_data_set(
    images: Path, make: Callable[[Path], Loader]
) -> None:
    target = {sample.id: sample for sample in make(images).records()}["b"].target
    assert target is not None and len(target.boxes) == 0


@pytest.mark.parametrize("name", ["A.PNG", "a", "a.jpg", "ward/a.png"])
@pytest.mark.parametrize("make", [voc, cvat])
def test_an_image_is_found_by_its_name_in_any_spelling(
    images: Path, make: Callable[..., Loader], name: str
) -> None:
    assert edges(make(images, name=name).records()[0]) == pytest.approx(BOX)


def test_a_name_that_fits_two_images_is_refused_with_both(images: Path) -> None:
    Image.new("L", (50, 40)).save(images / "a.jpg")
    found = [fault for sample in cvat(images, name="a").records() for fault in sample.faults]
    assert found == [
        "annotations.xml: image 0: 'a' may be a.jpg and a.png; keep one of them",
    ]


FAULTS: list[tuple[Callable[[Path], Loader], str]] = [
    (lambda images: voc(images, left=30), "a.xml: object 1: the box (left 30"),
    (lambda images: voc(images, left="1_0"), "object 1: bndbox must hold xmin"),
    (lambda images: voc(images, left=-9), "leaves its frame, 50 pixels wide"),
    (lambda images: voc(images, name="c.png"), "a.xml: there is no image 'c.png'"),
    (lambda images: cvat(images, left="1_0"), "image 0: box 1 must have xtl"),
    (lambda images: cvat(images, left="x"), "image 0: box 1 must have xtl, ytl, xbr, ybr"),
    (lambda images: cvat(images, name="../c.png"), "image 0: there is no image '../c.png'"),
    (
        lambda images: cvat(images, more='<polygon label="heart" points="1,2;3,4;5,6"/>'),
        "holds a polygon; hdf reads boxes alone",
    ),
    (
        lambda images: cvat(
            images, more='<box label="x" xtl="1" ytl="1" xbr="9" ybr="9" rotation="20"/>'
        ),
        "box 2 is rotated; draw it upright",
    ),
    (lambda images: yolo(images, "1 0.3 0.2 0.4"), "a.txt:1: '1 0.3 0.2 0.4'; expected class"),
    (lambda images: yolo(images, "1 0.3 0.2 0_4 0.2"), "a.txt:1: '1 0.3 0.2 0_4 0.2'; expected"),
    (lambda images: yolo(images, "0_1 .3 .2 .4 .2"), "the class '0_1' is none of 0 to 1"),
    (lambda images: yolo(images, "1 15 11 20 9"), "a.txt:1: the numbers are pixels"),
    (lambda images: yolo(images, "2 .3 .2 .4 .2"), "the class '2' is none of 0 to 1 (lung, heart)"),
    (lambda images: yolo(images, "1 .9 .2 .4 .2"), "leaves its frame"),
    (lambda images: yolo(images, name="z"), "z.txt: there is no image 'z' in"),
    (lambda images: label_studio(images, [task(x="10")]), "region 1: expected x, y, width, height"),
    (lambda images: label_studio(images, [task(rotation=9)]), "region 1: the rectangle is rotated"),
    (lambda images: label_studio(images, [task("/x/c.png")]), "task 4: there is no image 'c.png'"),
]


@pytest.mark.parametrize(("make", "message"), FAULTS, ids=[message for _, message in FAULTS])
def test_a_fault_names_its_place(
    images: Path, make: Callable[[Path], Loader], message: str
) -> None:
    faults = [fault for sample in make(images).records() for fault in sample.faults]
    assert any(message in fault for fault in faults), faults


def test_polygons_of_yolo_are_bounded(images: Path) -> None:
    sample = yolo(images, "1 0.1 0.2 0.5 0.1625 0.3 0.4").records()[0]
    assert edges(sample) == pytest.approx(BOX, abs=1e-4)


def test_yolo_in_sub_folders(images: Path) -> None:
    for name in ("train/c.png", "train/d.png"):
        (images / name).parent.mkdir(exist_ok=True)
        Image.new("L", (50, 40)).save(images / name)
    (images.parent / "labels" / "train").mkdir(parents=True)
    loader = yolo(images)
    (images.parent / "labels" / "train" / "C.txt").write_text("1 0.5 0.5 0.4 0.2\n")
    samples = loader.records()
    assert [(sample.id, sample.faults) for sample in samples] == [
        ("a", ()),
        ("b", ()),
        ("train/c", ()),
    ]


def test_tasks_that_nobody_annotated_are_left_out(images: Path) -> None:
    waiting = task("/data/upload/3/ffffffff-b.png") | {"annotations": []}
    assert [sample.id for sample in label_studio(images, [task(), waiting]).records()] == ["a"]
    with pytest.raises(UserError, match="none of the tasks is annotated"):
        label_studio(images, [waiting]).records()


BOMB = '<!DOCTYPE a [<!ENTITY b "boom">]><annotation><filename>&b;</filename></annotation>'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, "declares entities"),
        ("<annotation>", "is no XML from line 1 on"),
        ("<svg/>", "begins with <svg>; expected <annotation>"),
    ],
)
def test_xml_that_is_none_of_voc(images: Path, text: str, message: str) -> None:
    (images.parent / "a.xml").write_text(text)
    sample = Voc(images=images, annotations=images.parent).records()[0]
    assert message in sample.faults[0]


def test_yolo_takes_its_names_from_one_place(images: Path) -> None:
    for options in ({}, {"names": ("heart",), "data": images}):
        with pytest.raises(ValueError, match=r"set either data, the path of data\.yaml, or names"):
            Yolo(images=images, **options)


def test_a_missing_folder_is_told(images: Path) -> None:
    for loader in (Voc(images=images / "x"), Yolo(images=images / "x", names=("heart",))):
        with pytest.raises(UserError, match="there is no such folder"):
            loader.records()
    with pytest.raises(UserError, match=r"holds no \.xml file"):
        Voc(images=images).records()
    (images.parent / "v.xml").write_text("<annotations><track id='0'/></annotations>")
    with pytest.raises(UserError, match="format for videos"):
        Cvat(images=images, annotations=images.parent / "v.xml").records()
