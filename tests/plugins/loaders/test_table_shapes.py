"""Tables as people have them are read to the right box, or refused with what to do instead."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from hdf import UserError
from hdf.data.decode import in_original_pixels
from hdf_plugins.loaders.csv_boxes import CsvBoxes
from tests.conftest import Hdf

BOX = [5, 6, 25, 16]
"""In an image of 50 x 40 pixels, the only one that is called ``a``."""


@dataclass(frozen=True)
class Shape:
    """A table, the loader's options for it, and what comes of them.

    Attributes:
        label: of the box; None for an image without one.
        cure: the words of the refusal that say what to do; empty where the table is read.
    """

    text: str | bytes
    options: dict[str, Any] = field(default_factory=dict)
    label: str | None = "heart"
    cure: str = ""


VIA = (
    "filename,file_size,file_attributes,region_count,region_id,region_shape_attributes,"
    'region_attributes\na.png,1,"{}",1,0,"{""name"":""rect"",""x"":5}","{}"\n'
)
LABEL_STUDIO = (
    "annotation_id,annotator,created_at,id,image,label,lead_time,updated_at\n"
    '1,1,now,1,a.png,"[{""x"":10}]",3.1,now\n'
)
PLACES = {"name": 1, "x_min": 2, "y_min": 3, "x_max": 4, "y_max": 5}
SHAPES = {
    "corners, hearts": Shape("name,x_min,y_min,x_max,y_max\na,5,6,25,16\n"),
    "PASCAL, as Roboflow and TensorFlow write it": Shape(
        "filename,width,height,class,xmin,ymin,xmax,ymax\na.png,50,40,heart,5,6,25,16\n"
    ),
    "corners of a torchvision script": Shape(
        "image_path,x1,y1,x2,y2,label\ndata/train/a.png,5,6,25,16,heart\n"
    ),
    "edges": Shape("file,left,top,right,bottom\na.png,5,6,25,16\n"),
    "corner and size": Shape("image,x,y,w,h,label\na,5,6,20,10,heart\n"),
    "columns in another order": Shape("h,label,name,y0,w,x0\n10,heart,a,6,20,5\n"),
    "centre and size": Shape("image_id,cx,cy,width,height,class\na,15,11,20,10,heart\n"),
    "centre and size as fractions": Shape(
        "image,x_center,y_center,width,height,class\na,0.3,0.275,0.4,0.25,heart\n",
        {"frame": (1, 1)},
    ),
    "drawn on a copy of another size": Shape(
        "label,x0,y0,w,h,name,img_shape_x,img_shape_y\nheart,10,12,40,20,a,100,80\n"
    ),
    "drawn on a copy, told by an option": Shape(
        "name,x_min,y_min,x_max,y_max\na,10,12,50,32\n", {"frame": (80, 100)}
    ),
    "RSNA Pneumonia Challenge": Shape(
        "patientId,x,y,width,height,Target\na,5.0,6.0,20.0,10.0,1\n", label="opacity"
    ),
    "RSNA Pneumonia Challenge, no box": Shape(
        "patientId,x,y,width,height,Target\na,,,,,0\n", label=None
    ),
    "NIH ChestX-ray14, BBox_List_2017": Shape(
        "Image Index,Finding Label,Bbox [x,y,w,h],,,\na.png,Heart,5.0,6.0,20.0,10.0,,,\n",
        label="Heart",
    ),
    "VinDr-CXR": Shape(
        "image_id,class_name,class_id,rad_id,x_min,y_min,x_max,y_max\n"
        "a,Cardiomegaly,3,R9,5.0,6.0,25.0,16.0\n",
        label="Cardiomegaly",
    ),
    "VinDr-CXR, no finding": Shape(
        "image_id,class_name,class_id,rad_id,x_min,y_min,x_max,y_max\na,No finding,14,R9,,,,\n",
        label=None,
    ),
    "boxes of anatomy by DICOM": Shape(
        "dicom_id,bbox_name,x1,y1,x2,y2\na,cardiac silhouette,5,6,25,16\n",
        label="cardiac silhouette",
    ),
    "Open Images": Shape(
        "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax\na,x,heart,1,0.1,0.5,0.15,0.4\n",
        {"frame": (1, 1)},
    ),
    "hdf predict": Shape(
        "image,label,score,x0,y0,x1,y1,spread_x0\nfilms/a.png,heart,0.9,5,6,25,16,1\n"
    ),
    "Excel, German: semicolons and commas": Shape(
        "\ufeffDateiname;x_min;y_min;x_max;y_max\r\na.png;5,0;6,0;25,0;16,0\r\n",
        {"columns": {"name": "Dateiname"}},
    ),
    "Excel's line of the separator": Shape(
        "sep=;\r\nname;x_min;y_min;x_max;y_max\r\na;5,0;6;25;16\r\n"
    ),
    "tabs": Shape("name\tx_min\ty_min\tx_max\ty_max\na\t5\t6\t25\t16\n"),
    "line ends of old Macs": Shape("name,x_min,y_min,x_max,y_max\ra,5,6,25,16\r"),
    "pandas, with its index": Shape(",Image,Xmin,Ymin,Xmax,Ymax\n0,a.png,5,6,25,16\n"),
    "quoted paths of Windows": Shape(
        '"Image Path","X Min","Y Min","X Max","Y Max"\n"C:\\my films, all\\A.PNG",5,6,25,16\n'
    ),
    "further columns, empty lines and cells": Shape(
        'name,note,x_min,y_min,x_max,y_max\n\na,"a, b",5,6,25,16,,\n,,,,,\n'
    ),
    "no suffix, another suffix, another case": Shape(
        "name,x_min,y_min,x_max,y_max,label\nA.jpg,5,6,25,16,heart\n"
    ),
    "keras-retinanet, no header": Shape(
        "films/a.png,5,6,25,16,heart\n", {"columns": PLACES | {"label": 6}}
    ),
    "no header": Shape(
        "films/a.png,5,6,25,16,heart\n",
        cure="`columns: {name: 1, x_min: 2, y_min: 3, x_max: 4, y_max: 5, label: 6}`",
    ),
    "no header and numbers for names": Shape(
        "17,5,6,25,16\n", cure="`columns: {name: 1, x_min: 2, y_min: 3, x_max: 4, y_max: 5}`"
    ),
    "columns in another language": Shape(
        "name,links,y_min,x_max,y_max\na,5,6,25,16\n", cure="`columns: {x_min: links}`"
    ),
    "a column misspelt": Shape(
        "name,note,x_min,y_minn,x_max,y_max\na,z,5,6,25,16\n", cure="`columns: {y_min: y_minn}`"
    ),
    "fractions": Shape(
        "name,x_min,y_min,x_max,y_max\na,0.1,0.15,0.5,0.4\n", cure="option `frame: [1, 1]`"
    ),
    "corner and size without a label": Shape("name,x,y,w,h\na,5,6,20,10\n", cure="`label: heart`"),
    "VIA": Shape(VIA, cure="export the annotations as COCO JSON, for the loader `coco`"),
    "Label Studio": Shape(LABEL_STUDIO, cure="export as JSON, for the loader `label_studio`"),
    "Global Wheat, a box in one cell": Shape(
        'image_id,width,height,bbox,source\na,50,40,"[5, 6, 20, 10]",x\n',
        cure="give each of its numbers a column of its own",
    ),
    "SIIM, run lengths": Shape(
        "ImageId,EncodedPixels\na,1 2 3\n", cure="write them as images, for the loader `mask_boxes`"
    ),
    "KITTI": Shape(
        "Car 0.00 0 -1.58 587.01 173.33 614.12 200.12 1.65 1.67 3.64 -0.65 1.71 46.70 -1.59\n",
        cure="separated by blanks; separate them with commas or tabs",
    ),
    "decimal commas between commas": Shape(
        'name,x_min,y_min,x_max,y_max\na,"5,5",6,25,16\n', cure="a number of pixels, such as 12.5"
    ),
    "Excel's Unicode text": Shape(
        "name\tx_min\ty_min\tx_max\ty_max\na\t5\t6\t25\t16\n".encode("utf-16"),
        cure="save the table as 'CSV UTF-8'",
    ),
    "underscores in numbers": Shape(
        "name,x_min,y_min,x_max,y_max\na,5,6,2_5,16\n", cure="x_max is '2_5'; expected a number"
    ),
}
READ = {name: shape for name, shape in SHAPES.items() if not shape.cure}
REFUSED = {name: shape for name, shape in SHAPES.items() if shape.cure}


def _loader(folder: Path, shape: Shape) -> CsvBoxes:
    (folder / "films").mkdir()
    Image.new("L", (50, 40)).save(folder / "films" / "a.png")
    text = shape.text if isinstance(shape.text, bytes) else shape.text.encode()
    (folder / "table.csv").write_bytes(text)
    return CsvBoxes(images=folder / "films", table=folder / "table.csv", **shape.options)


@pytest.mark.parametrize("name", READ)
def test_read_to_the_box(tmp_path: Path, name: str) -> None:
    (sample,) = _loader(tmp_path, READ[name]).records()
    assert (sample.id, sample.faults) == ("a", ())
    assert sample.target is not None
    label = READ[name].label
    assert sample.target.labels == (() if label is None else (label,))
    for box in in_original_pixels(sample.target, (40, 50)).tolist():
        assert box == pytest.approx(BOX, abs=1e-4)


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_the_cure(tmp_path: Path, name: str) -> None:
    try:
        faults = [
            fault for item in _loader(tmp_path, REFUSED[name]).records() for fault in item.faults
        ]
    except UserError as error:
        faults = [str(error)]
    (fault,) = faults
    assert REFUSED[name].cure in fault
    assert "table.csv" in fault


def test_each_that_is_read_can_be_trained_on(hdf: Hdf, tmp_path: Path) -> None:
    """In one training, as sources of one data set, all of them with the same label."""
    sources = []
    for number, shape in enumerate(READ.values()):
        if shape.label is None:
            continue
        folder = tmp_path / str(number)
        folder.mkdir()
        _loader(folder, shape)
        text = (folder / "table.csv").read_bytes()
        (folder / "table.csv").write_bytes(text.replace(shape.label.encode(), b"heart"))
        options = {"images": f"{number}/films", "table": f"{number}/table.csv", **shape.options}
        if shape.label == "opacity":
            options["label"] = "heart"
        told = ", ".join(f"{key}: {_yaml(value)}" for key, value in options.items())
        sources.append(f"s{number}: {{use: csv_boxes, {told}}}")
    (tmp_path / "all.yaml").write_text(
        f"data: {{loader: {{use: concat, sources: {{{', '.join(sources)}}}}}}}\n"
        "model: {backbone: {use: vgg11, width: 0.125}, head: {use: box_regression, hidden: [8]}}\n"
        "train: {epochs: 1, batch_size: 8, precision: float32}\nvisualize: []\n"
    )
    done = hdf("run", "all.yaml", "data.image_size=[32, 32]", "--out", "run")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "run" / "best.safetensors").exists()


def _yaml(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{{', '.join(f'{key}: {item}' for key, item in value.items())}}}"
    return str(list(value)) if isinstance(value, tuple) else str(value)
