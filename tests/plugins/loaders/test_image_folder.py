"""Folders of images without boxes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hdf import UserError
from hdf_plugins.loaders.image_folder import ImageFolder
from tests.conftest import Hdf
from tests.dicom_files import write_dicom


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.png", "a.jpg", "ward/a.png", "ward/x/1.2.840.png", ".hidden/c.png", "._a.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (50, 40), 128).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no image")
    return tmp_path


def test_one_folder(folder: Path) -> None:
    samples = ImageFolder(images=folder).records()
    assert [sample.id for sample in samples] == ["a", "b"]
    assert all(sample.target is None for sample in samples)
    assert samples[0].source == folder.name
    assert samples[0].read().shape == (1, 40, 50)


def test_sub_folders(folder: Path) -> None:
    samples = ImageFolder(images=folder, recursive=True).records()
    assert [sample.id for sample in samples] == ["a", "b", "ward/a", "ward/x/1.2.840"]
    assert not any(sample.faults for sample in samples)


def test_dicoms_without_a_suffix_are_images_too(folder: Path) -> None:
    for name in ("IM0001", "1.2.840.10008.42"):
        write_dicom(folder / name, np.arange(600, dtype=np.uint16).reshape(20, 30))
    (folder / "notes").write_text("no image")
    ids = [sample.id for sample in ImageFolder(images=folder).records()]
    assert {"IM0001", "1.2.840.10008.42"} <= set(ids) and "notes" not in ids


def test_two_files_of_one_stem(folder: Path) -> None:
    Image.new("L", (50, 40)).save(folder / "b.jpg")
    broken = ImageFolder(images=folder).records()[1]
    assert broken.faults == (f"{folder.name}: b.jpg, b.png have one stem; keep one of them",)


def test_folders_without_an_image(folder: Path) -> None:
    with pytest.raises(UserError, match="there is no such folder"):
        ImageFolder(images=folder / "nowhere").records()
    (folder / "empty" / "deep").mkdir(parents=True)
    with pytest.raises(UserError, match=r"holds no .*`recursive: true` searches"):
        ImageFolder(images=folder / "empty").records()
    (folder / "empty" / "boxes.csv").touch()
    with pytest.raises(UserError, match=r"holds no \.npy.*; it holds 1 \.csv, the folder deep$"):
        ImageFolder(images=folder / "empty", recursive=True).records()


def test_what_is_passed_over_is_counted(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ImageFolder(images=folder).records()
    assert capsys.readouterr().err == (f"{folder}: passed over 1 file that is no image: 1 .txt\n")


def test_images_alone_can_be_prepared_and_looked_at(hdf: Hdf, tmp_path: Path) -> None:
    (tmp_path / "films").mkdir()
    for number in range(4):
        Image.new("L", (40, 40), 60 * number).save(tmp_path / "films" / f"{number}.png")
    (tmp_path / "mine.yaml").write_text(
        "data: {loader: {use: image_folder, images: films}, image_size: [32, 32], store: memory}\n"
    )
    assert "4 images" in hdf("prepare", "mine.yaml").stdout
    assert hdf("preview", "mine.yaml").stdout == "mine-preview.png\n"
    refused = hdf("run", "mine.yaml", "model.backbone={use: vgg11, width: 0.125}")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "it has no boxes at all" in refused.stderr
