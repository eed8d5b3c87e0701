"""Damaged images of every format: an image or one clear refusal, never anything else."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from pydicom.uid import UID

from hdf import UserError, read_image
from tests.dicom_files import LOSSLESS, LOSSY, write_dicom
from tests.faults.damage import flipped, lengthened, truncated
from tests.faults.outcome import Outcome
from tests.faults.watched import attempt

RNG = np.random.default_rng(0)
GREY = (RNG.random((48, 40)) * 200 + 20).astype(np.uint8)


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
    "bmp": (".bmp", _pillow()),
    "webp": (".webp", _pillow(lossless=True)),
    "tiff": (".tif", _pillow()),
    "tiff deflate": (".tif", _pillow(compression="tiff_deflate")),
    "tiff 16 bit": (".tif", _pillow_16),
    **{f"dicom {uid.name}": (".dcm", _dicom(uid)) for uid in (*LOSSLESS, *LOSSY)},
}


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


def _another(content: bytes, rng: np.random.Generator) -> bytes:
    """The bytes of some other format under this suffix."""
    buffer = io.BytesIO()
    Image.fromarray(GREY).save(buffer, str(rng.choice(["png", "jpeg", "bmp", "gif", "tiff"])))
    return buffer.getvalue()


DAMAGES = (truncated, flipped, _flipped_header, _absurd, lengthened, _another)


def bench(count: int, seed: int = 1) -> Outcome:
    """Read so many damaged files, of one kind after the other."""
    outcome = Outcome()
    with tempfile.TemporaryDirectory() as name:
        paths = {
            kind: Path(name) / f"{number}{KINDS[kind][0]}" for number, kind in enumerate(KINDS)
        }
        whole = {kind: _written(path, KINDS[kind][1]) for kind, path in paths.items()}
        for number in range(count):
            kind = list(KINDS)[number % len(KINDS)]
            turn = number // len(KINDS)
            damage, rng = DAMAGES[turn % len(DAMAGES)], np.random.default_rng([seed, turn])
            paths[kind].write_bytes(damage(whole[kind], rng))
            attempt(outcome, f"{kind} {damage.__name__} {turn}", partial(_read, paths[kind]))
    return outcome


def _written(path: Path, write: Callable[[Path], object]) -> bytes:
    write(path)
    assert _read(path) == "read"
    return path.read_bytes()


def _read(path: Path) -> str:
    try:
        image = read_image(path)
    except UserError as error:
        assert str(path) in str(error)
        assert len(error.problems) == 1
        raise
    assert image.ndim == 3 and image.shape[0] == 1 and image.numel()
    assert float(image.min()) >= 0 and float(image.max()) <= 1
    assert float(image.max()) > 0, "a black image in silence"
    return "read"
