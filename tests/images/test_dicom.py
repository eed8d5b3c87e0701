"""DICOMs are shown as their PNGs are, and say nothing of the patient."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.sequence import Sequence
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    RLELossless,
)

from hdf import UserError, read_image
from hdf.files.pseudonyms import group_of
from hdf.images import image_facts, image_size, is_image
from hdf_plugins.loaders.phantom import read_image as phantom
from tests.dicom_files import LOSSLESS, LOSSY, SECRET_ID, SECRET_NAME, write_dicom

DATA = os.environ.get("HDF_TEST_DATA")
SHADES = {"MONOCHROME1": "INVERSE", "MONOCHROME2": "IDENTITY"}


def _pictures() -> dict[str, NDArray[np.uint8]]:
    made = {"phantom": (phantom(0, 0, (96, 80))[0].numpy() * 255).round().astype(np.uint8)}
    if DATA:
        for name in ("c000", "c101"):
            file = Path(DATA) / "chest200" / "images" / f"{name}.png"
            made[name] = np.array(Image.open(file))
    return made


PICTURES = _pictures()


@pytest.fixture(params=list(PICTURES))
def picture(request: pytest.FixtureRequest) -> NDArray[np.uint8]:
    return PICTURES[request.param]


@pytest.fixture(autouse=True)
def salt(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HDF_SALT", "of the tests")


def _unit(picture: NDArray[Any]) -> torch.Tensor:
    return torch.from_numpy(picture).float()[None] / 255


@pytest.mark.skipif(not DATA, reason="HDF_TEST_DATA names no folder of radiographs")
def test_real_radiographs_take_part() -> None:
    assert len(PICTURES) == 3


@pytest.mark.parametrize("kind", SHADES)
@pytest.mark.parametrize("shaped", [True, False])
@pytest.mark.parametrize("syntax", LOSSLESS, ids=lambda uid: uid.name)
def test_8_bits_equal_the_png(
    tmp_path: Path, picture: NDArray[np.uint8], syntax: Any, kind: str, shaped: bool
) -> None:
    stored = 255 - picture if kind == "MONOCHROME1" else picture
    shape = {"PresentationLUTShape": SHADES[kind]} if shaped else {}
    path = write_dicom(tmp_path / "a.dcm", stored, syntax, PhotometricInterpretation=kind, **shape)
    assert image_size(path) == picture.shape
    assert torch.equal(read_image(path), _unit(picture))


@pytest.mark.parametrize("kind", SHADES)
@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("bits", [10, 12, 16])
@pytest.mark.parametrize("syntax", LOSSLESS, ids=lambda uid: uid.name)
def test_more_bits_with_a_window_equal_the_png(
    tmp_path: Path, syntax: Any, bits: int, signed: bool, kind: str
) -> None:
    picture = PICTURES["phantom"]
    scale = (2**bits - 1) // 255
    low = -(2 ** (bits - 1)) if signed else 0
    stored = (255 - picture if kind == "MONOCHROME1" else picture).astype(np.int32) * scale + low
    window = {"WindowCenter": low + 127.5 * scale, "WindowWidth": 255 * scale}
    path = write_dicom(
        tmp_path / "a.dcm",
        stored.astype(np.int16 if signed else np.uint16),
        syntax,
        bits,
        PhotometricInterpretation=kind,
        VOILUTFunction="LINEAR_EXACT",
        **window,
    )
    assert torch.allclose(read_image(path), _unit(picture), atol=1e-6)


@pytest.mark.parametrize("syntax", LOSSY, ids=lambda uid: uid.name)
@pytest.mark.parametrize("kind", SHADES)
def test_lossy_syntaxes_come_close(
    tmp_path: Path, picture: NDArray[np.uint8], syntax: Any, kind: str
) -> None:
    stored = 255 - picture if kind == "MONOCHROME1" else picture
    path = write_dicom(tmp_path / "a.dcm", stored, syntax, PhotometricInterpretation=kind)
    difference = (read_image(path) - _unit(picture)).abs()
    assert difference.mean() < 0.01
    assert difference.max() < LOSSY[syntax]


def test_without_a_window_the_image_is_stretched(tmp_path: Path) -> None:
    values = np.random.default_rng(0).integers(100, 3000, (40, 30)).astype(np.uint16)
    np.save(tmp_path / "a.npy", values)
    plain = read_image(write_dicom(tmp_path / "a.dcm", values, bits=12))
    inverse = read_image(
        write_dicom(tmp_path / "b.dcm", values, bits=12, PhotometricInterpretation="MONOCHROME1")
    )
    assert torch.allclose(plain, read_image(tmp_path / "a.npy"), atol=1e-6)
    assert torch.allclose(inverse, 1 - plain, atol=1e-6)


def _ramp() -> NDArray[np.uint16]:
    return np.arange(256, dtype=np.uint16).reshape(16, 16)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        # PS3.3, C.11.2.1.2.1: c = 100, w = 51 puts 74.5 at 0 and 124.5 at 1
        ("LINEAR", lambda x: ((x - 99.5) / 50 + 0.5).clip(0, 1)),
        ("LINEAR_EXACT", lambda x: ((x - 100) / 51 + 0.5).clip(0, 1)),
        ("SIGMOID", lambda x: 1 / (1 + np.exp(-4 * (x - 100) / 51))),
    ],
)
def test_windows_follow_the_standard(tmp_path: Path, function: str, expected: Any) -> None:
    path = write_dicom(
        tmp_path / "a.dcm",
        _ramp(),
        WindowCenter=[100, 7],
        WindowWidth=[51, 9],
        VOILUTFunction=function,
    )
    wanted = expected(_ramp().astype(float))
    assert np.allclose(read_image(path)[0].numpy(), wanted, atol=1e-6)


def test_the_window_applies_to_rescaled_values(tmp_path: Path) -> None:
    elements = {"RescaleSlope": 2, "RescaleIntercept": -100, "VOILUTFunction": "LINEAR_EXACT"}
    path = write_dicom(tmp_path / "a.dcm", _ramp(), WindowCenter=155, WindowWidth=510, **elements)
    assert np.allclose(read_image(path)[0].numpy(), _ramp() / 255, atol=1e-6)


def _lut(values: list[int], bits: int, first: int = 0) -> Dataset:
    item = Dataset()
    item.add_new(0x00283002, "US", [len(values), first, bits])
    item.add_new(0x00283006, "US", values)
    return item


def test_luts_are_applied_before_the_inversion(tmp_path: Path) -> None:
    modality, voi = [255 - v for v in range(256)], [v * v for v in range(256)]
    lut = _lut(modality, 16)
    lut.ModalityLUTType = "US"
    path = write_dicom(
        tmp_path / "a.dcm",
        _ramp(),
        ModalityLUTSequence=Sequence([lut]),
        VOILUTSequence=Sequence([_lut(voi, 16)]),
        WindowCenter=1,
        WindowWidth=1,
        PresentationLUTShape="INVERSE",
    )
    wanted = 1 - (255.0 - _ramp()) ** 2 / 65535
    assert np.allclose(read_image(path)[0].numpy(), wanted, atol=1e-6)


@pytest.mark.parametrize("kind", SHADES)
def test_few_bits_fill_the_range(tmp_path: Path, kind: str) -> None:
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8)
    path = write_dicom(tmp_path / "a.dcm", pixels, bits=6, PhotometricInterpretation=kind)
    shown = read_image(path)[0, 0, 0], read_image(path)[0, -1, -1]
    assert shown == ((0, 1) if kind == "MONOCHROME2" else (1, 0))


def test_a_window_that_shows_nothing_is_ignored(tmp_path: Path) -> None:
    pixels = np.arange(1000, 2200, dtype=np.uint16).reshape(30, 40)
    plain = read_image(write_dicom(tmp_path / "a.dcm", pixels))
    path = write_dicom(tmp_path / "b.dcm", pixels, WindowCenter=30, WindowWidth=100)
    assert torch.equal(read_image(path), plain)


def _palette(bits: int, prefix: str, data: bytes) -> dict[str, Any]:
    found: dict[str, Any] = {"PhotometricInterpretation": "PALETTE COLOR"}
    for name in ("Red", "Green", "Blue"):
        found[f"{name}PaletteColorLookupTableDescriptor"] = [256, 0, bits]
        found[f"{prefix}{name}PaletteColorLookupTableData"] = data
    return found


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, ExplicitVRBigEndian])
@pytest.mark.parametrize("bits", [8, 16])
def test_a_palette_becomes_grey(tmp_path: Path, syntax: Any, bits: int) -> None:
    picture = PICTURES["phantom"]
    order = ">" if syntax == ExplicitVRBigEndian and bits == 16 else "<"
    inverse = (np.arange(255, -1, -1) * (1 if bits == 8 else 250)).astype(f"{order}u{bits // 8}")
    palette = _palette(bits, "", inverse.tobytes())
    path = write_dicom(tmp_path / "a.dcm", picture, syntax, **palette)
    np.save(tmp_path / "b.npy", inverse.astype(f"u{bits // 8}")[picture])
    assert torch.allclose(read_image(path), read_image(tmp_path / "b.npy"), atol=1e-6)


def test_a_palette_that_grows_without_end_is_refused(tmp_path: Path) -> None:
    segments = np.array([0, 1, 7] + [1, 65535, 9] * 2, "<u2").tobytes()
    palette = _palette(16, "Segmented", segments)
    path = write_dicom(tmp_path / "a.dcm", PICTURES["phantom"], **palette)
    with pytest.raises(UserError, match="its palette has more entries than pixels have values"):
        read_image(path)


def test_an_empty_lut_is_passed_over(tmp_path: Path) -> None:
    """Some devices write the sequence, and nothing into its item."""
    empty, window = Dataset(), {"WindowCenter": 128, "WindowWidth": 64}
    expected = read_image(write_dicom(tmp_path / "a.dcm", _ramp(), **window))
    sequences = {name: Sequence([empty]) for name in ("ModalityLUTSequence", "VOILUTSequence")}
    path = write_dicom(tmp_path / "b.dcm", _ramp(), **sequences, **window)
    assert torch.equal(read_image(path), expected)
    second = write_dicom(
        tmp_path / "c.dcm",
        _ramp(),
        VOILUTSequence=Sequence([empty, _lut([v * v for v in range(256)], 16)]),
    )
    assert np.allclose(read_image(second)[0].numpy(), _ramp() ** 2.0 / 65535, atol=1e-6)


def test_padding_is_black(tmp_path: Path) -> None:
    values = _ramp() + 1000
    values[:4] = 4000
    path = write_dicom(
        tmp_path / "a.dcm",
        values,
        bits=12,
        PhotometricInterpretation="MONOCHROME1",
        PixelPaddingValue=4000,
    )
    image = read_image(path)[0]
    assert not image[:4].any()
    assert image[4, 0] == 1 and image[-1, -1] == 0


@pytest.mark.parametrize(
    ("elements", "spacing", "plane"),
    [
        ({}, None, ""),
        ({"ImagerPixelSpacing": [0.14, 0.15]}, (0.14, 0.15), "detector"),
        ({"PixelSpacing": [0.14, 0.15]}, (0.14, 0.15), "unknown"),
        (
            {"PixelSpacing": [0.1, 0.1], "ImagerPixelSpacing": [0.1, 0.1]},
            (0.1, 0.1),
            "detector",
        ),
        (
            {"PixelSpacing": [0.1, 0.1], "ImagerPixelSpacing": [0.14, 0.14]},
            (0.1, 0.1),
            "patient",
        ),
        (
            {"PixelSpacing": [0.1, 0.1], "PixelSpacingCalibrationType": "FIDUCIAL"},
            (0.1, 0.1),
            "patient",
        ),
        ({"ImagerPixelSpacing": [0, 0.14]}, None, ""),
    ],
)
def test_pixel_spacing_and_where_it_holds(
    tmp_path: Path, elements: dict[str, Any], spacing: Any, plane: str
) -> None:
    facts = image_facts(write_dicom(tmp_path / "a.dcm", _ramp(), ViewPosition="PA", **elements))
    assert (facts.pixel_spacing, facts.spacing_at, facts.view) == (spacing, plane, "PA")


def codes(*values: str, **inside: Any) -> Sequence:
    return Sequence([_code(value, **inside) for value in values])


def _code(value: str, **inside: Any) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator = value, "SCT"
    for name, sequence in inside.items():
        setattr(item, name, sequence)
    return item


@pytest.mark.filterwarnings("ignore:Invalid value for VR CS")
@pytest.mark.parametrize(
    ("elements", "view", "lying"),
    [
        ({"ViewPosition": "AP"}, "AP", False),
        ({"ViewPosition": "ap"}, "AP", False),
        ({"ViewPosition": "A-P"}, "AP", False),
        ({"ViewPosition": "A P"}, "AP", False),
        ({"ViewPosition": "PORTABLE AP"}, "AP", False),
        ({"ViewPosition": "P.A. erect"}, "PA", False),
        ({"ViewPosition": "lateral"}, "LATERAL", False),
        ({"ViewPosition": "Lat"}, "LATERAL", False),
        ({"ViewPosition": "LLO"}, "LLO", False),
        ({"ViewPosition": "Mr Smith"}, "", False),
        ({"ViewCodeSequence": codes("399348003")}, "AP", False),
        ({"ViewCodeSequence": codes("R-10214"), "ViewPosition": ""}, "PA", False),
        ({"ViewCodeSequence": codes("4711"), "PatientPosition": "HFS"}, "", True),
        ({"PatientPosition": "SITTING"}, "", False),
        ({"PatientOrientationCodeSequence": codes("F-10450")}, "", True),
        ({"PatientOrientationCodeSequence": codes("C86043")}, "", False),
        (
            {
                "PatientOrientationCodeSequence": codes(
                    "1", PatientOrientationModifierCodeSequence=codes("40199007")
                )
            },
            "",
            True,
        ),
    ],
)
def test_the_view_and_whether_the_patient_lay(
    tmp_path: Path, elements: dict[str, Any], view: str, lying: bool
) -> None:
    facts = image_facts(write_dicom(tmp_path / "a.dcm", _ramp(), **elements))
    assert (facts.view, facts.lying) == (view, lying)


def test_facts_without_the_patient_need_no_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HDF_SALT", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert image_facts(write_dicom(tmp_path / "a.dcm", _ramp()), patient=False).patient == ""
    assert not (tmp_path / "config").exists()


@pytest.mark.parametrize("name", ["IM0001", "1.2.840.10008.42", "no.suffix"])
def test_a_dicom_is_known_without_its_suffix(tmp_path: Path, name: str) -> None:
    plain = write_dicom(tmp_path / "a.dcm", _ramp(), ViewPosition="PA")
    renamed = Path(shutil.copy(plain, tmp_path / name))
    known = name != "no.suffix"
    assert is_image(renamed) == known
    if known:
        assert torch.equal(read_image(renamed), read_image(plain))
        assert image_facts(renamed).view == "PA"
    else:
        with pytest.raises(UserError, match=r"'.suffix' is not a supported image format"):
            read_image(renamed)


@pytest.mark.filterwarnings("ignore:Invalid value for VR CS")
def test_modality_and_body_part_are_read_as_codes_alone(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "a.dcm", _ramp(), Modality="CR", BodyPartExamined="Chest ")
    facts = image_facts(path)
    assert (facts.modality, facts.body_part) == ("CR", "CHEST")
    path = write_dicom(tmp_path / "b.dcm", _ramp(), BodyPartExamined="Mr. Smith's")
    assert image_facts(path).body_part == ""


def test_a_dicomdir_is_told_from_an_image(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "DICOMDIR", _ramp())
    assert not is_image(path)
    assert "is a list of DICOMs and no image; name its folder" in _refusal(path)


def test_what_is_no_dicom_is_not_taken_for_one(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("DICM" + "." * 400)
    shutil.copy(write_dicom(tmp_path / "a.dcm", _ramp()), tmp_path / "DICOMDIR")
    os.mkfifo(tmp_path / "pipe")
    assert [
        name for name in ("text", "DICOMDIR", "pipe", "none") if is_image(tmp_path / name)
    ] == []


def test_the_patient_is_a_salted_hash(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_dicom(tmp_path / "a.dcm", _ramp())
    first = image_facts(path).patient
    assert first == group_of(SECRET_ID) and len(first) == 12
    monkeypatch.setenv("HDF_SALT", "another")
    assert image_facts(path).patient != first
    for text in (repr(image_facts(path)), first):
        assert SECRET_ID not in text and SECRET_NAME not in text


def test_the_salt_is_made_once_and_is_the_users_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HDF_SALT")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    first = group_of("17")
    assert group_of(" 17 ") == first != group_of("18")
    salt = tmp_path / "hdf" / "salt"
    assert len(salt.read_bytes()) == 32 and salt.stat().st_mode & 0o077 == 0
    salt.write_bytes(b"x" * 32)
    assert group_of("17") != first
    assert group_of("") == ""
    salt.write_bytes(b"")
    with pytest.raises(UserError, match="the key that hides patients is damaged"):
        group_of("17")


def _refusal(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        read_image(path)
    message = str(caught.value)
    assert SECRET_ID not in message and "Secretperson" not in message
    return message


def test_no_element_is_quoted(tmp_path: Path) -> None:
    path = write_dicom(
        tmp_path / "a.dcm", _ramp(), WindowCenter=1, WindowWidth=2, RescaleSlope=3, NumberOfFrames=1
    )
    content = path.read_bytes()
    for tag in (b"\x50\x10DS", b"\x53\x10DS", b"\x08\0IS"):
        at = content.index(b"\x28\0" + tag) + 2 + len(tag)
        path.write_bytes(content[: at + 2] + b"ZX" + content[at + 4 :])
        message = _refusal(path)
        assert "ZX" not in message and "can't be read as a DICOM image" in message


def test_what_is_no_single_image_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.dcm"
    assert "3 frames" in _refusal(write_dicom(path, _ramp(), NumberOfFrames=3))
    assert "no image" in _refusal(write_dicom(path, _ramp(), Rows=None, PixelData=None))
    assert "no pixels" in _refusal(write_dicom(path, _ramp(), PixelData=None))
    other = {"PhotometricInterpretation": "HSV"}
    assert "neither grey" in _refusal(write_dicom(path, _ramp(), **other))
    assert "too many" in _refusal(write_dicom(path, _ramp(), Rows=65535, Columns=65535))
    path.write_bytes(b"not one")
    assert "does not begin as one" in _refusal(path)


def test_a_syntax_without_a_decoder_is_named(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "a.dcm", PICTURES["phantom"], LOSSLESS[-1])
    content = path.read_bytes().replace(LOSSLESS[-1].encode(), JPEGLosslessSV1.encode())
    path.write_bytes(content)
    assert re.search("JPEG Lossless.*; see hdf doctor$", _refusal(path))


def test_a_variant_that_no_decoder_reads_is_not_called_a_missing_decoder(tmp_path: Path) -> None:
    """Of JPEG Extended, Pillow reads 8 bits alone."""
    path = write_dicom(tmp_path / "a.dcm", PICTURES["phantom"], JPEGBaseline8Bit)
    dataset = dcmread(path)
    dataset.file_meta.TransferSyntaxUID = JPEGExtended12Bit
    stream = bytearray(get_frame(dataset.PixelData, 0, number_of_frames=1))
    stream[stream.index(b"\xff\xc0") + 4] = 12  # the precision of the frame header
    dataset.PixelData, dataset.BitsStored = encapsulate([bytes(stream)]), 12
    dataset.save_as(path)
    found = _refusal(path)
    assert "12 bits in the transfer syntax JPEG Extended" in found
    assert "dcmdjpeg" in found and "doctor" not in found


@pytest.mark.parametrize("syntax", [ExplicitVRLittleEndian, RLELossless, *LOSSLESS[-2:], *LOSSY])
def test_a_file_that_is_cut_off_is_refused(tmp_path: Path, syntax: Any) -> None:
    path = write_dicom(tmp_path / "a.dcm", PICTURES["phantom"], syntax)
    content = path.read_bytes()
    for share in (0.3, 0.6, 0.9):
        path.write_bytes(content[: int(share * len(content))])
        _refusal(path)


@pytest.mark.parametrize("padding", [b"", b"\0", b"\xff", b" ", b"\0" * 20, b"\xff" * 5])
@pytest.mark.parametrize("syntax", [*LOSSLESS[-2:], *LOSSY])
def test_whatever_pads_a_codestream_is_passed_over(
    tmp_path: Path, syntax: Any, padding: bytes
) -> None:
    path = write_dicom(tmp_path / "a.dcm", PICTURES["phantom"], syntax)
    expected = read_image(path)
    dataset = dcmread(path)
    stream = get_frame(dataset.PixelData, 0, number_of_frames=1)
    whole = stream[: stream.rindex(b"\xff\xd9") + 2] + padding
    dataset.PixelData = encapsulate([whole + (padding[-1:] or b"\0") * (len(whole) % 2)])
    dataset.save_as(path)
    assert torch.equal(read_image(path), expected)


def test_a_codestream_of_another_size_is_refused(tmp_path: Path) -> None:
    for syntax in (*LOSSLESS[-2:], *LOSSY):
        path = write_dicom(tmp_path / "a.dcm", PICTURES["phantom"], syntax, Rows=95)
        assert "another size" in _refusal(path)


def test_a_pydicom_that_fails_is_told_with_what_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_dicom(tmp_path / "a.dcm", _ramp())
    monkeypatch.setitem(sys.modules, "pydicom", None)
    message = _refusal(path)
    assert message.startswith(f"{path}: pydicom, which reads it, is missing or broken (import of")
    assert message.endswith(": pip install --force-reinstall --no-deps 'pydicom>=3.0'")


def test_pydicom_is_imported_where_a_dicom_is_read(tmp_path: Path) -> None:
    path = write_dicom(tmp_path / "a.dcm", _ramp())
    Image.fromarray(PICTURES["phantom"]).save(tmp_path / "a.png")
    script = (
        "import sys; from pathlib import Path; from hdf import read_image\n"
        "for name in sys.argv[1:]:\n"
        "    read_image(Path(name)); print('pydicom' in sys.modules)"
    )
    command = [sys.executable, "-c", script, tmp_path / "a.png", path]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.split() == ["False", "True"]
