"""COCO's JSON as people have it, and every fault told with its place."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from hdf import Sample, UserError
from hdf_plugins.loaders.coco import Coco


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two images of 40 x 50 pixels, one of them in a sub-folder."""
    (tmp_path / "images" / "ward").mkdir(parents=True)
    for name in ("a.png", "ward/b.png"):
        Image.new("L", (50, 40), 128).save(tmp_path / "images" / name)
    Image.new("L", (50, 40), 128).save(tmp_path / "secret.png")
    return tmp_path


def content() -> dict[str, Any]:
    return {
        "images": [
            {"id": 1, "file_name": "a.png", "width": 50, "height": 40},
            {"id": 2, "file_name": "ward/b.png"},
        ],
        "annotations": [
            {"id": 10, "image_id": 1, "category_id": 3, "bbox": [5, 6.5, 20, 10], "iscrowd": 0},
            {"id": 11, "image_id": 1, "category_id": 3, "bbox": [1, 1, 4, 4]},
            {"id": 12, "image_id": 1, "category_id": 4, "bbox": [0, 0, 50, 40], "iscrowd": 1},
        ],
        "categories": [{"id": 3, "name": "heart"}, {"id": 4, "name": "lung"}],
    }


def _records(folder: Path, data: Any) -> dict[str, Sample]:
    text = data if isinstance(data, bytes) else json.dumps(data).encode()
    (folder / "boxes.json").write_bytes(text)
    samples = Coco(images=folder / "images", annotations=folder / "boxes.json").records()
    assert [sample.id for sample in samples] == sorted(sample.id for sample in samples)
    return {sample.id: sample for sample in samples}


def _refusal(folder: Path, data: Any) -> str:
    with pytest.raises(UserError) as caught:
        _records(folder, data)
    return str(caught.value)


def test_boxes_sub_folders_crowds_and_images_without_a_box(folder: Path) -> None:
    samples = _records(folder, content())
    assert list(samples) == ["a", "ward/b"]
    first, second = samples["a"].target, samples["ward/b"].target
    assert first is not None
    assert second is not None
    assert first.boxes.tolist() == [[5, 6.5, 25, 16.5], [1, 1, 5, 5]]
    assert first.boxes.dtype == torch.float32
    assert first.labels == ("heart", "heart")
    assert first.frame == (40, 50)
    assert second.boxes.shape == (0, 4)
    assert second.frame is None
    assert samples["a"].where == "boxes.json: image 1"
    assert samples["ward/b"].read().shape == (1, 40, 50)


def test_ids_may_be_zero_or_texts(folder: Path) -> None:
    data = content()
    data["categories"][0]["id"] = 0
    data["images"][0]["id"] = 0
    data["images"][1]["id"] = "b"
    data["annotations"] = [
        {"id": 0, "image_id": 0, "category_id": 0, "bbox": [1, 2, 3, 4]},
        {"id": "x", "image_id": "b", "category_id": 0, "bbox": [1, 2, 3, 4]},
    ]
    for sample in _records(folder, data).values():
        assert not sample.faults
        assert sample.target is not None
        assert sample.target.labels == ("heart",)


RECORDS: list[tuple[str, int, dict[str, Any], str]] = [
    ("images", 0, {"file_name": "../secret.png"}, "there is no image"),
    ("images", 0, {"file_name": "ward/../../secret.png"}, "there is no image"),
    ("images", 0, {"file_name": "/etc/secret.png"}, "there is no image"),
    ("images", 0, {"file_name": "C:\\secret.png"}, "there is no image"),
    ("images", 0, {"file_name": "ward\\..\\..\\secret.png"}, "there is no image"),
    ("images", 0, {"file_name": "z.png"}, "there is no image 'z.png'"),
    ("images", 0, {"file_name": "z" * 5000 + ".png"}, "there is no image"),
    ("images", 0, {"file_name": "a.exe"}, "there is no image 'a.exe'"),
    ("images", 0, {"file_name": "ward/b.png"}, "another image has this file"),
    ("images", 0, {"file_name": "./ward/b.jpg"}, "another image has this file"),
    ("images", 0, {"file_name": "."}, "there is no image '.'"),
    ("images", 0, {"file_name": 7}, "name is missing, empty or not printable"),
    ("images", 0, {"file_name": "\ud800.png"}, "name is missing, empty or not printable"),
    ("images", 0, {"file_name": "a\0.png"}, "name is missing, empty or not printable"),
    ("images", 0, {"width": 0}, "width and height must be whole numbers"),
    ("images", 0, {"height": None}, "width and height must be whole numbers"),
    ("images", 0, {"id": 2}, "the id is another image's too"),
    ("images", 0, {"id": None}, "the id is missing"),
    ("images", 0, {"patient": [1]}, "the patient must be a printable text or a whole number"),
    ("images", 0, {"patient": "\ud800"}, "the patient must be a printable text"),
    ("annotations", 0, {"bbox": [5, 6, 20]}, "annotation 10: bbox must be [x, y, width, height]"),
    ("annotations", 0, {"bbox": [5, 6, "20", 1]}, "four numbers of pixels"),
    ("annotations", 0, {"bbox": [5, 6, True, 1]}, "four numbers of pixels"),
    ("annotations", 0, {"bbox": [5, 6, 1e300, 1]}, "four numbers of pixels"),
    ("annotations", 0, {"bbox": [5, 6, 10**400, 1]}, "four numbers of pixels"),
    ("annotations", 0, {"bbox": [5, 6, 0, 10]}, "annotation 10: the box (left 5, top 6"),
    ("annotations", 0, {"bbox": [5, 6, 60, 10]}, "leaves its frame, 50 pixels wide"),
    ("annotations", 0, {"category_id": 9}, "annotation 10: category_id is no category's id"),
    ("annotations", 0, {"image_id": 9}, "annotation 10: image_id is no image's id"),
    ("annotations", 0, {"id": 11}, "annotation 11: the id is another annotation's too"),
]


@pytest.mark.parametrize(("part", "index", "change", "message"), RECORDS)
def test_faulty_records(
    folder: Path, part: str, index: int, change: dict[str, Any], message: str
) -> None:
    data = content()
    data[part][index] |= change
    faults = [fault for sample in _records(folder, data).values() for fault in sample.faults]
    assert any(message in fault for fault in faults), faults
    assert all(fault.startswith("boxes.json: ") for fault in faults)


@pytest.mark.parametrize("name", ["C:\\films\\a.png", "/home/me/films/A.PNG", "../films/a"])
def test_folders_of_another_computer_do_not_count(folder: Path, name: str) -> None:
    data = content()
    data["images"][0]["file_name"] = name
    assert _records(folder, data)["a"].files == (folder / "images" / "a.png",)


def test_all_faults_of_an_image_and_its_annotations_at_once(folder: Path) -> None:
    data = content()
    data["images"][0]["width"] = -1
    data["annotations"][0] |= {"bbox": None, "category_id": 9}
    data["annotations"][1]["bbox"] = [0, 0, 0, 0]
    data["annotations"] += [[], {"image_id": 1, "category_id": 3}]
    samples = _records(folder, data)
    assert len(samples["a"].faults) == 5
    assert samples["boxes.json: annotation at position 3"].faults
    assert not samples["ward/b"].faults


FILES: dict[str, Any] = {
    "boxes.json:2: is no JSON from here on: Expecting value (column 2)": b"[\n x]",
    "is no JSON: NaN": b'{"images": NaN}',
    "is no JSON": b'{"images": ' + b"1" * 5000 + b"}",
    "nested too deeply": b"[" * 200_000,
    "not UTF-8 text": b'{"\xff": 1}',
    "expected an object with images": b"[]",
    "'images' must be a list, and is missing": b"{}",
    "'categories' must be a list, and is no list": {**content(), "categories": {"id": 1}},
    "the list of images is empty": {**content(), "images": []},
    "category 3: expected an object with an id and a name": {
        **content(),
        "categories": [{"id": 3}],
    },
    "the id is another category's too": {
        **content(),
        "categories": [{"id": 3, "name": "a"}, {"id": 3, "name": "b"}],
    },
}


@pytest.mark.parametrize("message", FILES)
def test_files_that_are_none(folder: Path, message: str) -> None:
    refusal = _refusal(folder, FILES[message])
    assert message in refusal
    assert str(folder / "boxes.json") in refusal


def test_missing_files_are_told_together(tmp_path: Path) -> None:
    loader = Coco(images=tmp_path / "images", annotations=tmp_path / "boxes.json")
    with pytest.raises(UserError) as caught:
        loader.records()
    assert len(caught.value.problems) == 2


def test_a_file_that_is_too_large(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hdf_plugins.loaders.text_files.MAX_BYTES", 100)
    assert "larger than 0.0001 MB" in _refusal(folder, content())


QUICK = settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 12),
    st.floats(),
    st.text(max_size=4),
    st.sampled_from(["a.png", "ward/b.png", "../a.png", 10**30, "\ud800", "heart"]),
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=5), max_leaves=6)


def _records_of(*keys: str) -> st.SearchStrategy[Any]:
    record = st.fixed_dictionaries({}, optional=dict.fromkeys(keys, VALUES))
    return st.lists(st.one_of(record, record, VALUES), min_size=1, max_size=4)


@QUICK
@given(
    _records_of("id", "file_name", "width", "height", "patient_id"),
    _records_of("id", "image_id", "category_id", "bbox", "iscrowd"),
    st.sampled_from([content()["categories"], [], [{"id": "x", "name": 3}]]),
)
def test_any_records_give_samples_that_hold_or_clear_faults(
    folder: Path, images: list[Any], annotations: list[Any], categories: list[Any]
) -> None:
    data = {"images": images, "annotations": annotations, "categories": categories}
    try:
        samples = _records(folder, data)
    except UserError as error:  # NaN, or a category without a name
        assert "boxes.json" in str(error)
        return
    assert all(sample.faults or sample.target for sample in samples.values())


@QUICK
@given(st.binary(max_size=80), st.integers(0, 400), st.integers(0, 400))
def test_damaged_files_give_samples_or_clear_faults(
    folder: Path, junk: bytes, start: int, length: int
) -> None:
    text = json.dumps(content()).encode()
    try:
        samples = _records(folder, text[:start] + junk + text[start + length :])
    except UserError as error:
        assert "boxes.json" in str(error)
        return
    assert samples
