"""Hostile images: bombs, pipes, endless headers; `tests.faults.images` damages files at random."""

from __future__ import annotations

import io
import os
import resource
import struct
import time
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from hdf import UserError, read_image
from hdf.images import SUFFIXES, image_facts, image_size
from hdf.images.reading import DICOM, FORMATS
from tests.dicom_files import LOSSLESS, write_dicom
from tests.faults.images import GREY
from tests.faults.watched import SLOWEST


def _limited(path: Path) -> str:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UserError) as caught:
        read_image(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 1_000_000  # KiB
    return str(caught.value)


def test_a_zip_bomb_is_not_inflated(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": (48, 40)}
    )
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("image.npy", header.getvalue() + bytes(300_000_000))
    assert "promises" in _limited(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("image.npy", header.getvalue() + bytes(48 * 40))
    assert "deflate" in _limited(path)


def test_a_deflated_dicom_bomb_is_not_inflated(tmp_path: Path) -> None:
    deflated = next(uid for uid in LOSSLESS if uid.is_deflated)
    path = write_dicom(tmp_path / "a.dcm", GREY, deflated)
    content = path.read_bytes()
    start = 144 + int.from_bytes(content[140:144], "little")
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    with path.open("wb") as file:
        file.write(content[:start])
        for _ in range(1100):
            file.write(packer.compress(bytes(1 << 20)))
        file.write(packer.flush())
    assert "inflates" in _limited(path)


def _inserted(path: Path, at: int, parts: bytes) -> Path:
    content = path.read_bytes()
    path.write_bytes(content[:at] + parts + content[at:])
    return path


def test_endless_headers_are_given_up(tmp_path: Path) -> None:
    """A few megabytes of empty parts, each of which is read in Python."""
    for name in ("a.png", "a.jpg"):
        Image.fromarray(GREY).save(tmp_path / name)
    dicoms = [write_dicom(tmp_path / name, GREY) for name in ("a.dcm", "b.dcm")]
    # Their identifiers differ in length.
    pixels = [dicom.read_bytes().rindex(b"\xe0\x7f\x10\0") for dicom in dicoms]
    element, item = b"\x99\0\1\x10LO\0\0", b"\xfe\xff\0\xe0\0\0\0\0"
    sequence = b"\x54\0\x16\0SQ\0\0\xff\xff\xff\xff" + item * 500_000
    chunk = b"\0\0\0\0abCd" + zlib.crc32(b"abCd").to_bytes(4, "big")
    endless = [
        _inserted(tmp_path / "a.png", 33, chunk * 500_000),
        _inserted(tmp_path / "a.jpg", 2, b"\xff" * 3_000_000),
        _inserted(dicoms[0], pixels[0], element * 500_000),
        _inserted(dicoms[1], pixels[1], sequence),
    ]
    for path in endless:
        began = time.process_time()  # a busy machine is no fault of the reader's
        assert "too many parts" in _limited(path)
        assert time.process_time() - began < 2 * SLOWEST


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_pipes_and_devices_are_not_opened(tmp_path: Path, suffix: str) -> None:
    os.mkfifo(tmp_path / f"pipe{suffix}")
    (tmp_path / f"device{suffix}").symlink_to("/dev/zero")
    (tmp_path / f"folder{suffix}").mkdir()
    for name in ("pipe", "device", "folder"):
        path = tmp_path / f"{name}{suffix}"
        assert "is no file but" in _limited(path)
        for read in (image_size, image_facts) if FORMATS[suffix] is DICOM else (image_size,):
            with pytest.raises(UserError, match="is no file but"):
                read(path)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_empty_files_and_links_to_nowhere_are_refused(tmp_path: Path, suffix: str) -> None:
    empty, loop = tmp_path / f"empty{suffix}", tmp_path / f"loop{suffix}"
    empty.touch()
    loop.symlink_to(loop)
    assert "can't be read as a" in _limited(empty)
    assert "can't be opened" in _limited(loop)


def test_a_huge_array_is_not_read(tmp_path: Path) -> None:
    header = io.BytesIO()
    shape = {"descr": "<f8", "fortran_order": False, "shape": (9999, 9999, 3)}
    np.lib.format.write_array_header_1_0(header, shape)
    path = tmp_path / "a.npy"
    path.write_bytes(header.getvalue())
    os.truncate(path, len(header.getvalue()) + 9999 * 9999 * 24)
    assert "larger than 800 MB" in _limited(path)


def test_texts_in_a_png_are_not_inflated(tmp_path: Path) -> None:
    Image.fromarray(GREY).save(tmp_path / "a.png")
    text = b"zTXtComment\0\0" + zlib.compress(bytes(100_000_000))
    chunk = (len(text) - 4).to_bytes(4, "big") + text + zlib.crc32(text).to_bytes(4, "big")
    assert "too large" in _limited(_inserted(tmp_path / "a.png", 33, chunk))


def test_endless_scans_are_not_decoded(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(GREY).save(path, progressive=True)
    content = path.read_bytes()
    last = content.rindex(b"\xff\xda")
    path.write_bytes(content[:last] + content[last:-2] * 200 + content[-2:])
    assert "more than 100 scans" in _limited(path)


def test_a_tiff_of_many_pages_is_not_counted_through(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(_pages(40_000))
    began = time.perf_counter()
    assert "several images or pages" in _limited(tmp_path / "a.tif")
    assert time.perf_counter() - began < SLOWEST


def _pages(count: int) -> bytes:
    """A TIFF of so many pages of 16 x 16 pixels, all of them the same."""
    sides = [(256, 3, 16), (257, 3, 16), (258, 3, 8), (259, 3, 1), (262, 3, 1)]
    strip = [(273, 4, 8), (277, 3, 1), (278, 3, 16), (279, 4, 256)]
    tags = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in sides + strip)
    page = struct.pack("<H", len(sides + strip)) + tags
    start, step = 8 + 256, len(page) + 4
    following = [start + step * number for number in range(1, count)] + [0]
    pages = b"".join(page + struct.pack("<I", place) for place in following)
    return b"II*\0" + struct.pack("<I", start) + bytes(range(256)) + pages


def test_a_huge_jpeg_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(GREY).save(path)
    os.truncate(path, 3_000_000_000)
    assert "larger than" in _limited(path)


def test_pickles_are_never_loaded(tmp_path: Path) -> None:
    class Canary:
        def __reduce__(self) -> tuple[Any, ...]:
            return (Path.touch, (tmp_path / "sung",))

    pickled: NDArray[Any] = np.array([[Canary()]], dtype=object)
    np.save(tmp_path / "a.npy", pickled, allow_pickle=True)
    np.savez(tmp_path / "a.npz", image=pickled)
    for name in ("a.npy", "a.npz"):
        assert "pickled" in _limited(tmp_path / name)
    assert not (tmp_path / "sung").exists()
