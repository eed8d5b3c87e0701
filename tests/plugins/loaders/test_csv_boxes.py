"""Tables and folders as people have them, and every fault told with its place."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from hdf import Sample, UserError
from hdf.boxes import mask_bounds
from hdf_plugins.loaders.csv_boxes import CsvBoxes
from hdf_plugins.loaders.table import read_table
from tests.dicom_files import write_dicom

HEADER = "label,x0,y0,w,h,name,img_shape_x,img_shape_y\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three images of 40 x 50 pixels and a table of a heart in each."""
    (tmp_path / "images").mkdir()
    for name in "abc":
        Image.new("L", (50, 40), 128).save(tmp_path / "images" / f"{name}.png")
    _table(tmp_path, HEADER + "".join(f"heart,5,6,20,10,{name},50,40\n" for name in "abc"))
    return tmp_path


def _table(folder: Path, text: str | bytes) -> None:
    data = text.encode() if isinstance(text, str) else text
    (folder / "hearts.csv").write_bytes(data)


def _records(folder: Path, **options: object) -> dict[str, Sample]:
    images, table = folder / "images", folder / "hearts.csv"
    records = CsvBoxes(images=images, table=table, **options).records()  # type: ignore[arg-type]
    assert [sample.id for sample in records] == sorted({sample.id for sample in records})
    return {sample.id: sample for sample in records}


def _faults(folder: Path, **options: object) -> list[str]:
    return [fault for sample in _records(folder, **options).values() for fault in sample.faults]


def _refusal(folder: Path, **options: object) -> list[str]:
    with pytest.raises(UserError) as caught:
        _records(folder, **options)
    return [str(problem) for problem in caught.value.problems]


def test_corner_and_size(folder: Path) -> None:
    samples = _records(folder)
    assert list(samples) == ["a", "b", "c"]
    sample = samples["a"]
    assert (sample.faults, sample.group, sample.source) == ((), "a", "images")
    assert sample.target is not None
    assert sample.target.boxes.tolist() == [[5, 6, 25, 16]]
    assert sample.target.boxes.dtype == torch.float32
    assert sample.target.labels == ("heart",)
    assert sample.target.frame == (40, 50)
    assert sample.read_masks is None
    assert pickle.loads(pickle.dumps(sample)).read().shape == (1, 40, 50)


@pytest.mark.parametrize(
    "text",
    [
        "name,x_min,y_min,x_max,y_max\na,5,6,25,16\nb,5,6,25,16\nc,5,6,25,16\n",
        "\ufeff Y_max ;drop,y_min,x_max,x_min,NAME \r\n".replace(";", ",")
        + "".join(f"16,,6, 25 ,5,{name}.png\r\n" for name in "abc"),
        'h,w,label,"name",y0,x0\n' + "\n".join(f'1e1,20.0,heart,"{n}",6,5' for n in "abc") + "\n\n",
    ],
)
def test_other_columns_orders_and_line_ends(folder: Path, text: str) -> None:
    _table(folder, text)
    for sample in _records(folder).values():
        assert sample.faults == ()
        assert sample.target is not None
        assert sample.target.boxes.tolist() == [[5, 6, 25, 16]]
        assert sample.target.labels == ("heart",)
        assert sample.target.frame is None


def test_several_labels_of_one_image_and_their_masks(folder: Path) -> None:
    rows = [f"{label},{x},2,4,5,{n}" for n in "abc" for label, x in (("lung", 9), ("heart", 3))]
    _table(folder, "label,x0,y0,w,h,name\n" + "\n".join(rows))
    for label, x in (("heart", 3), ("lung", 9)):
        (folder / "masks" / label).mkdir(parents=True)
        mask = np.zeros((40, 50), np.uint8)
        mask[2:7, x : x + 4] = 1
        for name in "abc":
            Image.fromarray(mask).save(folder / "masks" / label / f"{name}.png")
    sample = _records(folder, masks=folder / "masks")["b"]
    assert sample.target is not None
    assert sample.read_masks is not None
    assert sample.target.labels == ("lung", "heart")
    assert torch.equal(mask_bounds(sample.read_masks()), sample.target.boxes)
    assert [file.parent.name for file in sample.mask_files] == list(sample.target.labels)


def test_faults_of_masks(folder: Path) -> None:
    heart = folder / "masks" / "heart"
    heart.mkdir(parents=True)
    assert "the folder holds no .npy" in _refusal(folder, masks=folder / "masks")[0]
    Image.new("1", (50, 40)).save(heart / "a.png")
    Image.new("1", (51, 40)).save(heart / "b.png")
    samples = _records(folder, masks=folder / "masks")
    assert samples["c"].faults == ("masks/heart: no mask for the image 'c'",)
    read_masks = samples["b"].read_masks
    assert read_masks is not None
    with pytest.raises(UserError, match="the mask has 40 x 51 pixels; its image has 40 x 50"):
        read_masks()
    heart.rename(folder / "masks" / "Heart")
    assert "masks of the table's label 'heart'" in _refusal(folder, masks=folder / "masks")[0]


def test_images_without_a_row_and_rows_without_an_image(folder: Path) -> None:
    _table(folder, HEADER + "heart,5,6,20,10,a,50,40\nheart,5,6,20,10,1.2.840.113,50,40\n")
    missing = f"hearts.csv:3: there is no image '1.2.840.113' in {folder / 'images'}"
    row, unlisted, other = _faults(folder)  # in the order of the stems
    assert row == missing
    assert unlisted.startswith("images/b.png: no row in hearts.csv")
    assert other.startswith("images/c.png: no row in hearts.csv")
    assert "`unlisted: ignore`" in unlisted
    assert _faults(folder, unlisted="ignore") == [missing]


def test_a_table_may_name_images_below_the_folder(folder: Path) -> None:
    below = folder / "images" / "ward" / "1"
    below.mkdir(parents=True)
    Image.new("L", (50, 40), 99).save(below / "a.png")
    write_dicom(below / "x.dcm", np.arange(2000, dtype=np.uint16).reshape(40, 50)).rename(
        below / "1.2.840.113"
    )
    names = ("a", "ward/1/a.png", "ward/1/1.2.840.113")
    _table(folder, HEADER + "".join(f"heart,5,6,20,10,{name},50,40\n" for name in names))
    samples = _records(folder, unlisted="ignore")
    assert list(samples) == ["a", "ward/1/1.2.840.113", "ward/1/a"]
    assert [sample.faults for sample in samples.values()] == [(), (), ()]
    assert [sample.read().shape for sample in samples.values()] == [(1, 40, 50)] * 3
    for name in "abc":
        (folder / "images" / f"{name}.png").unlink()
    _table(folder, HEADER + "heart,5,6,20,10,ward/1/a.png,50,40\n")
    assert list(_records(folder)) == ["ward/1/a"]
    Image.new("L", (50, 40), 99).save(below / "a.tiff")
    _table(
        folder, HEADER + "".join(f"heart,5,6,20,10,ward/1/a.{s},50,40\n" for s in ("png", "tiff"))
    )
    fault = "hearts.csv:3: 'ward/1/a.tiff' may be ward/1/a.png and ward/1/a.tiff; keep one of them"
    assert fault in _faults(folder)


@pytest.mark.parametrize(
    "name",
    [
        *("../secret.png", "ward/../../secret.png", "{folder}/secret.png", ".cache/a.png"),
        *("ward/notes", "ward", "ward/" + 300 * "a", "elsewhere/z.png"),
    ],
)
def test_a_name_leads_to_nothing_hidden_or_outside_of_the_folder(folder: Path, name: str) -> None:
    for place in ("secret.png", "images/.cache/a.png", "images/ward/z.png"):
        (folder / place).parent.mkdir(exist_ok=True)
        Image.new("L", (50, 40)).save(folder / place)
    (folder / "images" / "ward" / "notes").write_text("no image")
    _table(folder, HEADER + f"heart,5,6,20,10,{name.format(folder=folder)},50,40\n")
    (fault,) = _faults(folder, unlisted="ignore")
    assert fault.startswith("hearts.csv:2: there is no image")


@pytest.mark.parametrize(
    "name",
    [
        *(
            "ward/./z.png",
            "ward//z.png",
            "./ward/Z",
            "z",
            "Z.PNG",
            "z.jpg",
            "C:\\films\\ward\\z.png",
        ),
        *("/home/me/films/ward/z.png", "films/ward/z.png", "../images/ward/z.png", "ward\\z.png"),
    ],
)
def test_an_image_is_found_by_its_name_in_any_spelling(folder: Path, name: str) -> None:
    (folder / "images" / "ward").mkdir()
    Image.new("L", (50, 40)).save(folder / "images" / "ward" / "z.png")
    _table(folder, HEADER + f"heart,5,6,20,10,{name},50,40\n")
    (sample,) = _records(folder, unlisted="ignore").values()
    assert (sample.id, sample.faults) == ("ward/z", ())
    (folder / "images" / "icu").mkdir()
    Image.new("L", (50, 40)).save(folder / "images" / "icu" / "z.png")
    found = _records(folder, unlisted="ignore")
    if "ward" in name:
        assert list(found) == ["ward/z"]
    else:
        (fault,) = (fault for sample in found.values() for fault in sample.faults)
        assert fault.endswith("may be icu/z.png and ward/z.png; keep one of them")


SPELLINGS = {
    "filename,width,height,class,xmin,ymin,xmax,ymax": "a.png,50,40,heart,5,6,25,16",
    "image_id;x1;y1;x2;y2;category": "a;5;6;25;16;heart",
    "file;left;top;right;bottom": "a;5,0;6,0;25,0;16,0",
    "Path\tLabel\tx_center\ty_center\tw\th": "a.png\theart\t15\t11\t20\t10",
    "image,cx,cy,width,height,label": "a,15,11,20,10,heart",
    "imageId,bbox_x,bbox_y,bbox_width,bbox_height,class_name": "a,5,6,20,10,heart",
    "Image Name,xmin,ymin,xmax,ymax": "a,5,6,25,16",
    "label|x0|y0|x1|y1|name": "heart|5|6|25|16|a",
    "name,x,y,w,h,label": "a,5,6,20,10,heart",
}


@pytest.mark.parametrize("header", SPELLINGS)
def test_columns_are_known_by_their_usual_names(folder: Path, header: str) -> None:
    _table(folder, f"{header}\n{SPELLINGS[header]}\n")
    sample = _records(folder, unlisted="ignore")["a"]
    assert sample.target is not None, sample.faults
    assert sample.target.boxes.tolist() == [[5, 6, 25, 16]]
    assert sample.target.labels == ("heart",)
    assert sample.target.frame == ((40, 50) if header.startswith("filename") else None)


def test_any_other_column_is_named_by_an_option(folder: Path) -> None:
    _table(folder, "Bild;links;oben;rechts;unten\na;5,5;6;25;16\n")
    columns = {"name": "Bild", "x_min": "links", "y_min": "oben", "x_max": "rechts"}
    sample = _records(folder, columns=columns | {"y_max": 5}, unlisted="ignore")["a"]
    assert sample.target is not None
    assert sample.target.boxes.tolist() == [[5.5, 6, 25, 16]]
    (refusal,) = _refusal(folder, columns={"name": "Bilder"})
    assert "says name: Bilder, and there is no such column among bild, links" in refusal
    (refusal,) = _refusal(folder, columns={"names": "Bild"})
    assert "names 'names'; it may name name, label" in refusal


def test_a_table_without_a_line_of_names(folder: Path) -> None:
    _table(folder, "a,5,6,25,16\nb,5,6,25,16\n")
    columns = {"name": 1, "x_min": 2, "y_min": 3, "x_max": 4, "y_max": 5}
    samples = _records(folder, columns=columns, unlisted="ignore")
    assert list(samples) == ["a", "b"]
    assert samples["a"].where == "hearts.csv:1"


def test_a_frame_for_all_boxes(folder: Path) -> None:
    _table(folder, "name,x_min,y_min,x_max,y_max\na,0.1,0.15,0.5,0.4\n")
    target = _records(folder, frame=(1, 1), unlisted="ignore")["a"].target
    assert target is not None and target.frame == (1, 1)
    _table(folder, HEADER + "heart,5,6,20,10,a,50,40\n")
    (refusal,) = _refusal(folder, frame=(80, 100))
    assert "remove the loader's option `frame`" in refusal


ROWS = {
    "heart,5,6,0,10,a,50,40": "has no area",
    "heart,5,6,20,-1,a,50,40": "has no area",
    "heart,5,6,1e-9,3,a,50,40": "has no area",
    "heart,5,6,nan,10,a,50,40": "w is 'nan'; expected a number of pixels",
    "heart,5,6,1_0,10,a,50,40": "w is '1_0'; expected a number of pixels",
    "heart,5,6,１０,10,a,50,40": "w is '１０'; expected a number of pixels",
    "heart,5,6,20,10,a,5_0,40": "img_shape_x is '5_0'; expected a number of pixels",
    "heart,5,-inf,20,10,a,50,40": "y0 is '-inf'; expected a number",
    "heart,,6,20,10,a,50,40": "x0 is ''; expected a number",
    "heart,5,six,20,10,a,50,40": "y0 is 'six'; expected a number",
    "heart,5,6,1e300,10,a,50,40": "w is '1e300'",
    "heart,-2,6,20,10,a,50,40": "leaves its frame, 50 pixels wide and 40 high",
    "heart,5,6,47,10,a,50,40": "leaves its frame",
    "heart,5,6,20,36,a,50,40": "right 25, bottom 42) leaves its frame",
    "heart,5,6,20,10,a,50,0": "the frame is 50 x 0; expected whole numbers",
    "heart,5,6,20,10,a,50.5,40": "the frame is 50.5 x 40",
    "heart,5,6,20,10,a,wide,40": "img_shape_x is 'wide'",
    ",5,6,20,10,a,50,40": "the label is empty",
    "heart,5,6,20,10,a,50": "7 cells, but the header has 8",
    "heart,5,6,20,10,a,50,40,9": "9 cells, but the header has 8",
}


@pytest.mark.parametrize("row", ROWS)
def test_faulty_rows(folder: Path, row: str) -> None:
    _table(folder, f"{HEADER}heart,5,6,20,10,b,50,40\nheart,5,6,20,10,c,50,40\n\n{row}\n")
    samples = _records(folder)
    (fault,) = samples["a"].faults
    assert fault.startswith("hearts.csv:5: ")
    assert ROWS[row] in fault
    assert samples["b"].faults == samples["c"].faults == ()


def test_all_faults_of_a_row_and_a_table_at_once(folder: Path) -> None:
    _table(
        folder, HEADER + "heart,x,y,20,10,a,50,40\nheart,5,6,20,10,,50,40\nheart,5,6,0,1,b,9,9\n"
    )
    samples = _records(folder)
    assert len(samples["a"].faults) == 2
    assert "the name is empty" in samples["hearts.csv:3"].faults[0]
    assert "has no area" in samples["b"].faults[0]
    assert "no row in hearts.csv" in samples["c"].faults[0]


@pytest.mark.parametrize("second", ["heart,5,6,20,10,a", "heart,1,2,3,4,a.png"])
def test_a_second_box_of_one_label(folder: Path, second: str) -> None:
    text = f"label,x0,y0,w,h,name\nheart,5,6,20,10,a\nlung,5,6,20,10,a\n{second}\n"
    _table(folder, text)
    (fault,) = _records(folder, unlisted="ignore")["a"].faults
    assert fault.startswith("hearts.csv:4: a second 'heart' box")
    assert "; keep one of them" in fault
    assert fault.endswith("see hearts.csv:2")


def test_frames_of_one_image_must_agree(folder: Path) -> None:
    _table(folder, HEADER + "heart,5,6,20,10,a,50,40\nlung,5,6,20,10,a,100,80\n")
    (fault,) = _records(folder, unlisted="ignore")["a"].faults
    assert fault.startswith("hearts.csv:3: another img_shape than in hearts.csv:2")


def test_two_files_of_one_stem(folder: Path) -> None:
    np.save(folder / "images" / "a.npy", np.zeros((40, 50)))
    (folder / "images" / "._b.png").write_bytes(b"left by another system")
    assert _faults(folder) == ["hearts.csv:2: 'a' may be a.npy and a.png; keep one of them"]


def test_tables_that_are_none(folder: Path) -> None:
    cases: dict[str, str | bytes] = {
        "say what the boxes are with the loader's `label`": "name,x0,y0,w,h\na,1,2,3,4\n",
        "needs both its width and its height": "label,x0,y0,w,h,name,img_shape_x\nh,1,2,3,4,a,5\n",
        "none is known as y_max": "name,x_min,y_min,x_max,unten\na,1,2,3,4\n",
        "`columns: {y_max: unten}`": "name,x_min,y_min,x_max,unten\na,1,2,3,4\n",
        "`columns: {name: patent}`": "patent,x_min,y_min,x_max,y_max\na,1,2,3,4\n",
        "fractions of the image's sides; say so with the loader's option `frame: [1, 1]`": (
            "name,x_min,y_min,x_max,y_max\na,0.1,0.2,0.5,0.4\nb,0.1,0.2,1,0.4\n"
        ),
        "`columns: {name: 1, x_min: 2, y_min: 3, x_max: 4, y_max: 5}`": "a,1,2,3,4\nb,1,2,3,4\n",
        "names twice: name": "name,name,x_min,y_min,x_max,y_max\na,a,1,2,3,4\n",
        "the table is empty": b"",
        "the table has no rows": HEADER,
        "is not UTF-8 text": "name,x_min,y_min,x_max,y_max\nä,1,2,3,4\n".encode("latin-1"),
        "is not UTF-8": HEADER.encode("utf-16"),
        "hearts.csv:2: is not readable as CSV": HEADER + '"heart,5,6,20,10,a,50,40\n',
        "field larger than field limit": HEADER + "x" * 200_000,
    }
    for message, text in cases.items():
        _table(folder, text)
        (refusal,) = _refusal(folder)
        assert message in refusal
        assert str(folder / "hearts.csv") in refusal


def test_missing_files_are_told_together(tmp_path: Path) -> None:
    refusals = _refusal(tmp_path, masks=tmp_path / "masks")
    assert len(refusals) == 3
    for name, refusal in zip(("hearts.csv", "images", "masks"), refusals, strict=True):
        assert refusal.startswith(f"{tmp_path / name}: there is no such")


def test_an_empty_folder(folder: Path) -> None:
    for path in (folder / "images").iterdir():
        path.rename(path.with_suffix(".txt"))
    assert "the folder holds no .npy, " in _refusal(folder)[0]


CHALLENGE = "patientId,x,y,width,height,Target\n"


def test_the_table_of_the_challenge(folder: Path) -> None:
    rows = "a,5,6,20,10,1\na,30.0,2,4.5,8,1\nb,,,,,0\nc,1,2,3,4,1\n"
    _table(folder, CHALLENGE + rows)
    samples = _records(folder)
    targets = [sample.target for sample in samples.values()]
    assert not any(sample.faults for sample in samples.values())
    assert [target.labels for target in targets if target] == [("opacity",) * 2, (), ("opacity",)]
    first, second, _ = targets
    assert first is not None
    assert second is not None
    assert first.boxes.tolist() == [[5, 6, 25, 16], [30, 2, 34.5, 10]]
    assert second.boxes.shape == (0, 4)
    assert samples["a"].where == "hearts.csv:2, hearts.csv:3"
    named = _records(folder, label="heart")["c"].target
    assert named is not None
    assert named.labels == ("heart",)


CHALLENGE_ROWS = {
    "a,5,6,20,10,0": "Target is 0, no box, but there is a value for x",
    "a,,,,10,0": "Target is 0, no box, but there is a value for height",
    "a,,,,,1": "x is ''; expected a number of pixels",
    "a,5,6,20,10,yes": "Target is 'yes'; expected 0 or 1",
    "a,5,6,20,10,": "Target is ''; expected 0 or 1",
    "a,5,6,0,10,1": "has no area",
    "b,,,,,0": "the image has a box and has none, see hearts.csv:2",
    ",5,6,20,10,1": "the name is empty",
}


@pytest.mark.parametrize("row", CHALLENGE_ROWS)
def test_faulty_rows_of_the_challenge(folder: Path, row: str) -> None:
    _table(folder, f"{CHALLENGE}b,1,2,3,4,1\n{row}\n")
    faults = _faults(folder, unlisted="ignore")
    assert [fault for fault in faults if fault.startswith("hearts.csv:3: ")] == faults
    assert any(CHALLENGE_ROWS[row] in fault for fault in faults), faults


def test_masks_show_one_box_of_a_label_alone(folder: Path) -> None:
    _table(folder, CHALLENGE + "a,5,6,20,10,1\na,30,2,4,8,1\nb,,,,,0\n")
    (folder / "masks" / "opacity").mkdir(parents=True)
    Image.new("1", (50, 40)).save(folder / "masks" / "opacity" / "a.png")
    samples = _records(folder, masks=folder / "masks", unlisted="ignore")
    assert "a second 'opacity' box" in samples["a"].faults[0]
    assert samples["b"].faults == ()
    assert samples["b"].read_masks is None


def test_a_label_beside_a_column_of_labels(folder: Path) -> None:
    (refusal,) = _refusal(folder, label="lung")
    assert "the table has a column of labels; remove the loader's option `label`" in refusal
    _table(folder, "name,x_min,y_min,x_max,y_max\na,5,6,25,16\n")
    target = _records(folder, label="lung", unlisted="ignore")["a"].target
    assert target is not None
    assert target.labels == ("lung",)
    with pytest.raises(ValueError, match="label must not be empty"):
        _records(folder, label="")


@pytest.mark.parametrize("column", ["patient", "patient_id", "patientId"])
def test_images_of_one_patient_are_one_group(
    folder: Path, column: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HDF_SALT", "a secret of the tests")
    rows = "a,5,6,25,16,Smith\nb,5,6,25,16,Jones\nc,5,6,25,16,Smith\n"
    _table(folder, f"name,x_min,y_min,x_max,y_max,{column}\n{rows}")
    samples = _records(folder)
    assert samples["a"].group == samples["c"].group != samples["b"].group
    assert not any(name in repr(samples) for name in ("Smith", "Jones"))


def test_faults_of_patients_do_not_name_them(folder: Path) -> None:
    rows = "a,5,6,25,16,heart,Smith\na,5,6,25,16,lung,Jones\nb,5,6,25,16,heart,\n"
    _table(folder, f"name,x_min,y_min,x_max,y_max,label,patient\n{rows}")
    faults = _faults(folder, unlisted="ignore")
    assert faults == [
        "hearts.csv:3: another patient than in hearts.csv:2, for one image",
        "hearts.csv:4: the patient is empty",
    ]


CELLS = st.one_of(
    st.sampled_from(
        ["heart", "a", "b.png", "", "nan", "1e999", "-0", '"', "50", "0x1", "é", "[b]"]
    ),
    st.integers(-10, 60).map(str),
    st.floats().map(str),
    st.text(max_size=4),
)
QUICK = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@QUICK
@given(st.lists(st.lists(CELLS, min_size=7, max_size=9), min_size=1, max_size=6))
def test_any_table_gives_samples_that_hold_or_clear_faults(
    folder: Path, rows: list[list[str]]
) -> None:
    text = HEADER + "\n".join(",".join(row) for row in rows)
    _table(folder, text.encode("utf-8", "surrogatepass"))
    try:
        samples = _records(folder)
    except UserError:  # a lone quotation mark ends the reading
        assert any('"' in cell for row in rows for cell in row)
        return
    for sample in samples.values():
        if sample.target is None:
            assert sample.faults
            continue
        height, width = sample.target.frame or (0, 0)
        x0, y0, x1, y1 = sample.target.boxes.unbind(-1)
        assert (x0 >= 0).all()
        assert (y0 >= 0).all()
        assert (x1 > x0).all()
        assert (y1 > y0).all()
        assert (x1 <= width).all()
        assert (y1 <= height).all()


@QUICK
@given(st.lists(st.lists(CELLS | st.just("1"), min_size=5, max_size=7), min_size=1, max_size=6))
def test_any_table_of_the_challenge_gives_boxes_none_or_clear_faults(
    folder: Path, rows: list[list[str]]
) -> None:
    text = CHALLENGE + "\n".join(",".join(row) for row in rows)
    _table(folder, text.encode("utf-8", "surrogatepass"))
    try:
        samples = _records(folder)
    except UserError:  # a lone quotation mark ends the reading
        assert any('"' in cell for row in rows for cell in row)
        return
    for sample in samples.values():
        assert sample.faults or sample.target
        if sample.target:
            x0, y0, x1, y1 = sample.target.boxes.unbind(-1)
            assert (x1 > x0).all()
            assert (y1 > y0).all()


@QUICK
@given(st.binary(max_size=200))
def test_any_bytes_are_refused_clearly(folder: Path, data: bytes) -> None:
    _table(folder, data)
    with pytest.raises(UserError, match=r"hearts\.csv"):
        read_table(folder / "hearts.csv")


@QUICK
@given(st.lists(st.tuples(*[st.integers(0, 19), st.integers(1, 20)] * 2), min_size=3, max_size=3))
def test_good_tables_come_back_as_written(
    folder: Path, boxes: list[tuple[int, int, int, int]]
) -> None:
    rows = [f"heart,{x},{y},{w},{h},{n}" for n, (x, w, y, h) in zip("abc", boxes, strict=True)]
    _table(folder, "label,x0,y0,w,h,name\n" + "\n".join(rows))
    for (x, w, y, h), sample in zip(boxes, _records(folder).values(), strict=True):
        assert sample.target is not None
        assert sample.target.boxes.tolist() == [[x, y, x + w, y + h]]


DATA = os.environ.get("HDF_TEST_DATA", "")
real = pytest.mark.skipif(not DATA, reason="HDF_TEST_DATA names no folder of radiographs")


@real
def test_chest200_and_its_masks() -> None:
    home = Path(DATA) / "chest200"
    loader = CsvBoxes(images=home / "images", table=home / "boxes.csv", masks=home / "masks")
    samples = loader.records()
    assert len(samples) == 200
    assert not any(sample.faults for sample in samples)
    exact = 0
    for sample in samples:
        assert sample.target is not None
        assert sample.read_masks is not None
        assert sample.target.labels == ("heart", "left_lung", "right_lung")
        bounds = mask_bounds(sample.read_masks())
        boxes = sample.target.boxes
        assert (bounds[:, :2] <= boxes[:, :2]).all()
        assert (bounds[:, 2:] >= boxes[:, 2:]).all()
        exact += int((bounds == boxes).all(-1).sum())
    assert exact >= 599  # the tables bound a mask's largest part; one mask of 600 has a second


@real
def test_chest200_images() -> None:
    home = Path(DATA) / "chest200"
    samples = CsvBoxes(images=home / "images", table=home / "heart_boxes.csv").records()
    assert len(samples) == 200
    for sample in samples[::20]:
        image = sample.read()
        assert image.shape == (1, 512, 512)
        assert image.min() >= 0
        assert image.max() <= 1
        assert image.std() > 0.05


@real
def test_a_table_with_dots_in_no_names_and_another_frame() -> None:
    rows = read_table(Path(DATA) / "rsna_heart_detection.csv")[0]
    assert len(rows) == 496
    assert {row.frame for row in rows} == {(224, 224)}
    assert not any(row.faults for row in rows)


def test_a_box_that_rounding_put_over_its_frame_is_cut_to_it(folder: Path) -> None:
    _table(folder, HEADER + "heart,5,-0.5,45.8,10,a,50,40\n")
    sample = _records(folder)["a"]
    assert sample.target is not None
    assert sample.target.boxes.tolist() == [[5, 0, 50, 9.5]]
