"""Damaged files of every format: an image or one clear refusal, never anything else.

``python -m tests.framework.test_hostile_files 1000`` tries that many of each kind and prints the
counts.
"""

from __future__ import annotations

import io
import os
import resource
import shutil
import struct
import sys
import tempfile
import time
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.uid import UID

from hdf import UserError, read_image
from hdf.formats import DICOM, FORMATS
from hdf.images import SUFFIXES, image_facts, image_size
from tests.framework.dicom_files import LOSSLESS, LOSSY, write_dicom

RNG = np.random.default_rng(0)
GREY = (RNG.random((48, 40)) * 200 + 20).astype(np.uint8)
SLOWEST = 5.0  # seconds that one file may take, on a busy machine


def _pillow(**options: Any) -> Callable[[Path], object]:
    return lambda path: Image.fromarray(GREY).save(path, **options)


def _pillow_16(path: Path) -> None:
    Image.fromarray(GREY.astype(np.uint16) * 250).save(path)


def _dicom(syntax: UID) -> Callable[[Path], object]:
    return lambda path: write_dicom(path, GREY, syntax)


KINDS: dict[str, tuple[str, Callable[[Path], object]]] = {
    "npy": (".npy", lambda path: np.save(path, GREY)),
    "npz": (".npz", lambda path: np.savez_compressed(path, image=GREY)),
    "png": (".png", _pillow()),
    "png 16 bit": (".png", _pillow_16),
    "jpeg": (".jpg", _pillow(quality=90)),
    "tiff": (".tif", _pillow()),
    "tiff deflate": (".tif", _pillow(compression="tiff_deflate")),
    "tiff 16 bit": (".tif", _pillow_16),
    **{f"dicom {uid.name}": (".dcm", _dicom(uid)) for uid in (*LOSSLESS, *LOSSY)},
}


def _truncated(content: bytes, rng: np.random.Generator) -> bytes:
    return content[: rng.integers(len(content))]


def _flipped(content: bytes, rng: np.random.Generator) -> bytes:
    bits = bytearray(content)
    for _ in range(rng.integers(1, 20)):
        bits[rng.integers(len(bits))] ^= 1 << rng.integers(8)
    return bytes(bits)


def _flipped_header(content: bytes, rng: np.random.Generator) -> bytes:
    """Sizes and lengths are in the first bytes, after a DICOM's preamble."""
    start = 128 if content[128:132] == b"DICM" else 0
    bits = bytearray(content)
    for _ in range(rng.integers(1, 6)):
        bits[start + rng.integers(min(700, len(bits) - start))] = rng.integers(256)
    return bytes(bits)


def _absurd(content: bytes, rng: np.random.Generator) -> bytes:
    """The image's sides become other numbers wherever they are written."""
    side = int(rng.choice([0, 1, 65535, 4096]))
    for true in GREY.shape:
        for order in ("little", "big"):
            for size in (2, 4):
                old = true.to_bytes(size, order)  # type: ignore[arg-type]
                content = content.replace(old, side.to_bytes(size, order), 1)  # type: ignore[arg-type]
    return content


def _lengthened(content: bytes, rng: np.random.Generator) -> bytes:
    at = int(rng.integers(len(content)))
    return content[:at] + rng.bytes(int(rng.integers(1, 500))) + content[at:]


def _another(content: bytes, rng: np.random.Generator) -> bytes:
    """The bytes of some other format under this suffix."""
    buffer = io.BytesIO()
    Image.fromarray(GREY).save(buffer, str(rng.choice(["png", "jpeg", "bmp", "gif", "tiff"])))
    return buffer.getvalue()


DAMAGES = (_truncated, _flipped, _flipped_header, _absurd, _lengthened, _another)


def try_kind(kind: str, count: int, folder: Path, seed: int = 0) -> Counter[str]:
    """Damage a file of one kind in `count` ways, and read each.

    Returns:
        how many were ``read`` and how many ``refused``.
    """
    suffix, write = KINDS[kind]
    path = folder / f"damaged{suffix}"
    write(path)
    content = path.read_bytes()
    assert _outcome(path) == "read"
    found: Counter[str] = Counter()
    for number in range(count):
        rng = np.random.default_rng([seed, number])
        damage = DAMAGES[number % len(DAMAGES)]
        path.write_bytes(damage(content, rng))
        found[_outcome(path)] += 1
    return found


def _outcome(path: Path) -> str:
    began = time.perf_counter()
    try:
        image = read_image(path)
    except UserError as error:
        assert str(path) in str(error)
        assert len(error.problems) == 1
        outcome = "refused"
    else:
        assert image.ndim == 3 and image.shape[0] == 1 and image.numel()
        assert float(image.min()) >= 0 and float(image.max()) <= 1
        assert float(image.max()) > 0, "a black image in silence"
        outcome = "read"
    assert time.perf_counter() - began < SLOWEST
    return outcome


@pytest.mark.parametrize("kind", KINDS)
def test_damaged_files_are_read_or_refused(
    kind: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    found = try_kind(kind, 60, tmp_path)
    assert found["refused"] > 20
    assert capfd.readouterr() == ("", "")


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
    assert "several pages" in _limited(tmp_path / "a.tif")
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


def main(count: int) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        for kind in KINDS:
            began = time.perf_counter()
            found = try_kind(kind, count, folder, seed=1)
            seconds = time.perf_counter() - began
            print(
                f"{kind:<50} {found['read']:5} read {found['refused']:5} refused {seconds:6.1f} s"
            )
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"peak memory {peak:.0f} MiB")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main(int(sys.argv[1]))
