"""Every file into one pixel scale, and every bad file into one clear message."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from hdf import UserError, read_image
from hdf.images import image_size, passed_over, read_mask
from hdf.images.reading import MAX_PIXELS

pytestmark = pytest.mark.filterwarnings("error")
RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (20, 30)).astype(np.uint8)
RAMP = np.arange(600).reshape(20, 30)


def _save(path: Path, pixels: NDArray[Any], **options: Any) -> Path:
    if path.suffix == ".npy":
        np.save(path, pixels)
    else:
        Image.fromarray(pixels).save(path, **options)
    return path


def _png16(pixels: NDArray[Any], level: int = 6) -> bytes:
    """A 16-bit PNG of [H, W, C]; Pillow writes only grey ones."""
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[pixels.shape[2]]
    head = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 16, kind, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    parts = [(b"IHDR", head), (b"IDAT", zlib.compress(rows, level)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    )


def _stretched(values: NDArray[Any]) -> NDArray[Any]:
    low, high = np.percentile(values, (0.5, 99.5))
    return np.asarray(((values - low) / (high - low)).clip(0, 1))


@pytest.mark.parametrize("name", ["a.npy", "a.png", "a.PNG"])
def test_bytes_are_divided_by_255(tmp_path: Path, name: str) -> None:
    image = read_image(_save(tmp_path / name, GREY))
    assert image.shape == (1, 20, 30)
    assert image.dtype == torch.float32
    assert image.is_contiguous()
    assert torch.equal(image[0], torch.from_numpy(GREY).float() / 255)


@pytest.mark.parametrize("kind", ["f2", "f4", "f8", ">f4", "longdouble"])
def test_floats_in_the_unit_range_stay(tmp_path: Path, kind: str) -> None:
    values = (RAMP / 1000).astype(np.dtype(kind))
    image = read_image(_save(tmp_path / "a.npy", values))
    assert np.array_equal(image[0].numpy(), values.astype(np.float32))


@pytest.mark.parametrize(
    "kind", ["i1", "i2", "u2", ">i2", "i4", "u4", "i8", "u8", "f2", "f4", "f8"]
)
def test_everything_else_is_stretched_by_percentiles(tmp_path: Path, kind: str) -> None:
    values = (RAMP % 120 + 3).astype(np.dtype(kind))
    image = read_image(_save(tmp_path / "a.npy", values))
    assert np.allclose(image[0].numpy(), _stretched(RAMP % 120), atol=1e-6)


def test_extremes_of_each_type_survive(tmp_path: Path) -> None:
    for kind in ("i8", "u8", "f8", "f4"):
        info: Any = np.finfo(kind) if kind[0] == "f" else np.iinfo(kind)
        values = np.full((4, 6), info.min, kind)
        values[:2] = info.max
        image = read_image(_save(tmp_path / "a.npy", values))
        assert image[0, :2].eq(1).all(), kind
        assert image[0, 2:].eq(0).all(), kind


def test_a_few_bright_pixels_are_not_lost(tmp_path: Path) -> None:
    values = np.zeros((100, 100), np.int16)
    values[50, 50] = 900  # both percentiles are zero
    assert read_image(_save(tmp_path / "a.npy", values)).sum() == 1


def test_booleans_are_zero_and_one(tmp_path: Path) -> None:
    for name in ("a.npy", "a.png"):
        image = read_image(_save(tmp_path / name, GREY > 100))
        assert torch.equal(image[0], torch.from_numpy(GREY > 100).float())


def test_layouts_of_arrays(tmp_path: Path) -> None:
    expected = torch.from_numpy(GREY).float()[None] / 255
    colours = np.stack([GREY] * 3)
    layouts = [GREY[None], GREY[..., None], colours, np.moveaxis(colours, 0, -1)]
    for values in [*layouts, np.asfortranarray(GREY)]:
        path = _save(tmp_path / "a.npy", values)
        assert torch.equal(read_image(path), expected)
        assert image_size(path) == (20, 30)


def test_colours_become_luminance(tmp_path: Path) -> None:
    colours = RNG.integers(0, 256, (20, 30, 3)).astype(np.uint8)
    expected = colours @ np.array([0.299, 0.587, 0.114]) / 255
    for name in ("a.npy", "a.png"):
        image = read_image(_save(tmp_path / name, colours))
        assert np.allclose(image[0].numpy(), expected, atol=1e-6)


def test_sixteen_bit_png(tmp_path: Path) -> None:
    values = (RAMP * 6).astype(np.uint16)  # 12 of 16 bits: an eighth of them would look black
    image = read_image(_save(tmp_path / "a.png", values))
    assert np.allclose(image[0].numpy(), _stretched(values), atol=1e-6)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bit_colours_keep_all_bits(tmp_path: Path, channels: int) -> None:
    values = np.repeat((RAMP * 6)[..., None], channels, axis=2)
    if channels == 4:
        values[..., 3] = 65535
    path = tmp_path / "a.png"
    path.write_bytes(_png16(values))
    assert np.allclose(read_image(path)[0].numpy(), _stretched(RAMP), atol=1e-6)


def test_palette_and_alpha(tmp_path: Path) -> None:
    grey = Image.fromarray(GREY)
    grey.convert("P").save(tmp_path / "palette.png")
    grey.convert("RGBA").save(tmp_path / "opaque.png")
    for name in ("palette.png", "opaque.png"):
        image = read_image(tmp_path / name)
        assert torch.equal(image[0], torch.from_numpy(GREY).float() / 255), name
    half = grey.convert("LA")
    half.putalpha(Image.new("L", grey.size, 51))
    half.save(tmp_path / "half.png")
    shown = read_image(tmp_path / "half.png")[0]
    assert torch.allclose(shown, torch.from_numpy(GREY).float() / 255 / 5, atol=0.003)


def test_jpeg(tmp_path: Path) -> None:
    smooth = (RAMP // 3).astype(np.uint8)
    for name, mode in (("a.jpg", "L"), ("a.jpeg", "RGB"), ("b.jpg", "CMYK")):
        Image.fromarray(smooth).convert(mode).save(tmp_path / name, quality=95)
        image = read_image(tmp_path / name)[0]
        assert (image - torch.from_numpy(smooth).float() / 255).abs().max() < 0.05
        assert image_size(tmp_path / name) == (20, 30)


def test_a_damaged_exif_block_does_not_warn(tmp_path: Path) -> None:
    exif = b"Exif\0\0II*\0\x08\0\0\0\x05\0\x12\x01\x03\0\xff\xff\0\0\xff"
    path = _save(tmp_path / "a.jpg", GREY, exif=exif)
    assert read_image(path).shape == (1, 20, 30)


def test_masks_are_where_pixels_are_not_zero(tmp_path: Path) -> None:
    inside = GREY > 250
    kinds: list[NDArray[Any]] = [inside, inside.astype(np.uint8), inside * np.uint16(7)]
    for values in [*kinds, np.stack([0 * GREY, inside * GREY, 0 * GREY], -1)]:
        mask = read_mask(_save(tmp_path / "a.png", values))
        assert mask.dtype == torch.bool
        assert np.array_equal(mask.numpy(), inside)


def _message(path: Path) -> str:
    with pytest.raises(UserError) as caught:
        read_image(path)
    (problem,) = caught.value.problems
    assert problem.where == str(path)
    return problem.message


BAD_ARRAYS = {
    "NaN or infinite, the first at row 0, column 1": np.array([[0, np.nan], [np.inf, 1]]),
    "pickled Python objects": np.array([[{}, 1]], object),
    "no array of integers, floats or booleans": np.zeros((4, 4), complex),
    "describes no array": np.zeros((4, 4), [("a", "f4"), ("b", "i2")]),
    "is empty": np.zeros((0, 4)),
    "its shape is [4]": np.zeros(4),
    "its shape is [2, 4, 4]": np.zeros((2, 4, 4)),
    "every pixel has the value 7": np.full((4, 4), 7, np.int16),
    "every pixel has the value -3.5": np.full((4, 4), -3.5),
}


@pytest.mark.parametrize("message", BAD_ARRAYS)
def test_arrays_that_are_no_image(tmp_path: Path, message: str) -> None:
    np.save(tmp_path / "a.npy", BAD_ARRAYS[message], allow_pickle=True)
    assert message in _message(tmp_path / "a.npy")


def test_files_that_are_no_image(tmp_path: Path) -> None:
    path = _save(tmp_path / "right.png", GREY)
    for name, kind in (("a.npy", "NumPy array"), ("a.jpg", "JPEG image")):
        (tmp_path / name).write_bytes(path.read_bytes())
        assert f"can't be read as a {kind}" in _message(tmp_path / name)
    (tmp_path / "a.png").write_bytes(b"")
    assert "can't be read as a PNG image" in _message(tmp_path / "a.png")
    assert "No such file" in _message(tmp_path / "missing.png")
    assert "use .npy, .npz, .png" in _message(tmp_path / "a.gif")


def test_transparent_images_and_lost_bits_are_refused(tmp_path: Path) -> None:
    clear = Image.fromarray(GREY).convert("LA")
    clear.putalpha(0)
    clear.save(tmp_path / "a.png")
    assert "every pixel is transparent" in _message(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(_png16(np.ones((4, 4, 2))))
    assert "save it without alpha" in _message(tmp_path / "b.png")


def test_too_large_images_are_refused_before_decoding(tmp_path: Path) -> None:
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    png = _png16(np.ones((2, 2, 1)))
    chunk = b"IHDR" + head
    bomb = png[:12] + chunk + struct.pack(">I", zlib.crc32(chunk)) + png[33:]
    (tmp_path / "a.png").write_bytes(bomb)
    with (tmp_path / "a.npy").open("wb") as file:
        header = {"descr": "|u1", "fortran_order": False, "shape": (60_000, 60_000)}
        np.lib.format.write_array_header_1_0(file, header)
        file.truncate(file.tell() + 60_000**2)  # a sparse file: nothing is written
    for name in ("a.png", "a.npy"):
        assert f"at most {MAX_PIXELS:,} are read" in _message(tmp_path / name)


def _mutated(data: bytes, count: int) -> list[bytes]:
    rng = np.random.default_rng(len(data))
    cuts = [data[: rng.integers(len(data))] for _ in range(count)]
    flips = []
    for place in rng.integers(len(data), size=count):
        at = place if rng.random() < 0.5 else place % 128  # headers are where it hurts
        flips.append(data[:at] + bytes([data[at] ^ (1 << rng.integers(8))]) + data[at + 1 :])
    return cuts + flips


def test_a_png_that_ends_in_its_header_is_damaged(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\nxx")
    with pytest.raises(UserError, match=r"PNG image: the file is damaged$"):
        read_image(tmp_path / "a.png")


@pytest.mark.parametrize("name", ["a.npy", "a.png", "a.jpg", "colour16.png"])
def test_damaged_files_are_an_error_or_an_image_in_range(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "colour16.png":
        path.write_bytes(_png16(RNG.integers(0, 4096, (20, 30, 3))))
    else:
        _save(path, GREY)
    refusals = []
    for data in _mutated(path.read_bytes(), 100):
        path.write_bytes(data)
        try:
            image = read_image(path)
        except UserError as error:
            refusals.append(str(error))
        else:
            assert image.dtype == torch.float32
            assert image.min() >= 0
            assert image.max() <= 1
    assert len(refusals) >= 80
    assert all(refusal.startswith(str(path)) for refusal in refusals)


def test_a_flipped_bit_that_would_decode_is_found(tmp_path: Path) -> None:
    damaged = bytearray(_png16(RAMP[..., None], level=0))
    place = damaged.index(RAMP[5].astype(">u2").tobytes()) + 7
    damaged[place] ^= 1
    (tmp_path / "a.png").write_bytes(damaged)
    assert "can't be read as a PNG image" in _message(tmp_path / "a.png")


@pytest.mark.parametrize("compression", [None, "tiff_deflate", "tiff_lzw", "packbits"])
def test_tiff_of_8_and_16_bits(tmp_path: Path, compression: str | None) -> None:
    options = {"compression": compression} if compression else {}
    image = read_image(_save(tmp_path / "a.tif", GREY, **options))
    assert torch.equal(image[0], torch.from_numpy(GREY).float() / 255)
    deep = RNG.integers(0, 65536, (20, 30)).astype(np.uint16)
    image = read_image(_save(tmp_path / "b.tiff", deep, **options))
    assert np.allclose(image[0].numpy(), _stretched(deep), atol=1e-6)


def _tiff(
    pixels: NDArray[Any], photometric: int, order: str = "<", **further: tuple[int, ...]
) -> bytes:
    """An uncompressed TIFF of [H, W] or [H, W, C] (TIFF 6.0, section 2).

    Args:
        further: short values by tag, such as ``t338=(1,)``.
    """
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    data = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    bits = pixels.dtype.itemsize * 8
    many = 8 + len(data)  # where the bits of three channels are listed
    extra = struct.pack(f"{order}{channels}H", *[bits] * channels) if channels > 2 else b""
    entries = [
        (256, 3, 1, pixels.shape[1]),
        (257, 3, 1, pixels.shape[0]),
        (258, 3, channels, many if channels > 2 else bits),
        (259, 3, 1, 1),
        (262, 3, 1, photometric),
        (273, 4, 1, 8),
        (277, 3, 1, channels),
        (278, 3, 1, pixels.shape[0]),
        (279, 4, 1, len(data)),
        *([] if pixels.dtype.kind == "u" else [(339, 3, 1, 2 if pixels.dtype.kind == "i" else 3)]),
        *((int(tag[1:]), 3, 1, value) for tag, (value,) in further.items()),
    ]
    start = many + len(extra)
    mark = b"II" if order == "<" else b"MM"
    table = struct.pack(f"{order}H", len(entries))
    for tag, kind, count, value in entries:
        short = kind == 3 and count == 1
        packed = struct.pack(f"{order}H2x" if short else f"{order}I", value)
        table += struct.pack(f"{order}HHI", tag, kind, count) + packed
    head = mark + struct.pack(f"{order}HI", 42, start)
    return head + data + extra + table + bytes(4)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", ["u1", "u2", "u4", "i1", "i2", "i4", "f4", "f8"])
@pytest.mark.parametrize("scale", [1.0, 1 / 700])
def test_tiff_is_read_as_the_same_values_in_an_array(
    tmp_path: Path, kind: str, order: str, scale: float
) -> None:
    steps = {"f": scale, "1": 0.4, "2": 7, "4": 3_500_000 * (1 + (kind[0] == "u"))}
    values = (RAMP * steps["f" if kind[0] == "f" else kind[1]]).astype(kind)
    (tmp_path / "a.tif").write_bytes(_tiff(values, 1, order))
    expected = read_image(_save(tmp_path / "a.npy", values))
    assert torch.allclose(read_image(tmp_path / "a.tif"), expected, atol=1e-6)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("kind", "scale"), [("u1", 0.4), ("u2", 100), ("f4", 1 / 700), ("f8", 9)])
def test_tiff_whose_zero_is_white_is_inverted_once(
    tmp_path: Path, kind: str, scale: float, order: str
) -> None:
    dark = (RAMP * scale).astype(kind)
    for name, photometric in (("white", 0), ("black", 1)):
        (tmp_path / f"{name}.tif").write_bytes(_tiff(dark, photometric, order))
    black, white = read_image(tmp_path / "black.tif"), read_image(tmp_path / "white.tif")
    assert torch.allclose(white, 1 - black, atol=1e-6)


@pytest.mark.parametrize("order", ["<", ">"])
def test_tiff_of_16_bit_colours(tmp_path: Path, order: str) -> None:
    deep = RNG.integers(0, 65536, (20, 30, 3)).astype(np.uint16)
    (tmp_path / "a.tif").write_bytes(_tiff(deep, 2, order))
    wanted = _stretched(deep @ np.array([0.299, 0.587, 0.114]))
    assert np.allclose(read_image(tmp_path / "a.tif")[0].numpy(), wanted, atol=1e-5)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("extra", [0, 2], ids=["padding", "alpha"])
def test_tiff_of_16_bit_colours_and_a_fourth_sample(tmp_path: Path, extra: int, order: str) -> None:
    deep = RNG.integers(0, 4096, (20, 30, 4)).astype(np.uint16)  # the high byte alone is nearly 0
    deep[..., 3] = 65535
    (tmp_path / "a.tif").write_bytes(_tiff(deep, 2, order, t338=(extra,)))
    wanted = _stretched(deep[..., :3] @ np.array([0.299, 0.587, 0.114]))
    assert np.allclose(read_image(tmp_path / "a.tif")[0].numpy(), wanted, atol=1e-5)


@pytest.mark.parametrize(
    ("channels", "photometric", "further"),
    [(3, 2, {"t284": (2,)}), (4, 2, {"t338": (1,)}), (4, 5, {})],
    ids=["planes", "premultiplied", "CMYK"],
)
def test_tiff_whose_low_bytes_would_be_lost_is_refused(
    tmp_path: Path, channels: int, photometric: int, further: dict[str, tuple[int, ...]]
) -> None:
    deep = RNG.integers(0, 4096, (20, 30, channels)).astype(np.uint16)
    (tmp_path / "a.tif").write_bytes(_tiff(deep, photometric, **further))
    assert "colours of 16 bits are read where" in _message(tmp_path / "a.tif")


def _turned(pixels: NDArray[Any], orientation: int) -> NDArray[Any]:
    """As EXIF 3.0 draws it in 4.6.5.1.6."""
    ways = {
        1: pixels,
        2: np.fliplr(pixels),
        3: np.rot90(pixels, 2),
        4: np.flipud(pixels),
        5: pixels.swapaxes(0, 1),
        6: np.rot90(pixels, -1),
        7: np.rot90(pixels, 2).swapaxes(0, 1),
        8: np.rot90(pixels),
    }
    return np.ascontiguousarray(ways[orientation])


ORIENTED = {
    "a.png": {},
    "a.jpg": {"quality": 100},
    "a.jfif": {"quality": 100, "format": "jpeg"},
    "a.webp": {"lossless": True},
    "a.tif": {},
    "b.tif": {"compression": "tiff_lzw"},
}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("name", ORIENTED)
@pytest.mark.parametrize("kind", ["grey", "deep", "colours"])
def test_images_are_turned_as_viewers_turn_them(
    tmp_path: Path, name: str, kind: str, orientation: int
) -> None:
    smooth = (RAMP // 3).astype(np.uint8)
    pixels = {"grey": smooth, "deep": (RAMP * 90).astype(np.uint16)}.get(
        kind, np.stack([smooth, smooth // 2, smooth // 2 + 20], -1)
    )
    if kind == "deep" and name.endswith(("jpg", "jfif", "webp")):
        pytest.skip("the format holds 8 bits")
    exif = Image.Exif()
    exif[274] = orientation
    path = _save(tmp_path / name, pixels, exif=exif, **ORIENTED[name])
    expected = read_image(_save(tmp_path / "turned.npy", _turned(pixels, orientation)))
    assert image_size(path) == tuple(expected.shape[1:])
    assert torch.allclose(read_image(path), expected, atol=0.03 if "j" in name else 1e-6)
    assert torch.equal(read_mask(path)[:5], read_mask(tmp_path / "turned.npy")[:5])


XMP = '<x:xmpmeta xmlns:x="adobe:ns:meta/"><a tiff:Orientation="6"/></x:xmpmeta>'


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.tif", "magick.png"])
def test_an_orientation_in_xmp_or_text_turns_too(tmp_path: Path, name: str) -> None:
    smooth = (RAMP // 3).astype(np.uint8)
    options: dict[str, Any] = {"xmp": XMP.encode()}
    if name.endswith("png"):
        exif = Image.Exif()
        exif[274] = 6
        options = {"pnginfo": PngInfo()}
        if name == "a.png":
            options["pnginfo"].add_itxt("XML:com.adobe.xmp", XMP)
        else:  # as ImageMagick writes it
            text = f"\nexif\n8\n{exif.tobytes().hex()}"
            options["pnginfo"].add_text("Raw profile type exif", text)
    if name == "a.tif":
        options = {"tiffinfo": {700: XMP.encode()}}
    path = _save(tmp_path / name, smooth, **options)
    assert image_size(path) == (30, 20)
    turned = torch.from_numpy(_turned(smooth, 6)).float() / 255
    assert torch.allclose(read_image(path)[0], turned, atol=0.06)


def test_a_damaged_exif_block_turns_nothing(tmp_path: Path) -> None:
    path = _save(tmp_path / "a.jpg", GREY, exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x12", quality=100)
    assert image_size(path) == GREY.shape


@pytest.mark.parametrize("name", ["a.bmp", "a.webp"])
def test_bmp_and_webp(tmp_path: Path, name: str) -> None:
    path = _save(tmp_path / name, GREY, **({"lossless": True} if "webp" in name else {}))
    assert torch.equal(read_image(path)[0], torch.from_numpy(GREY).float() / 255)


def test_an_animation_is_refused(tmp_path: Path) -> None:
    page = Image.fromarray(GREY)
    page.save(tmp_path / "a.webp", save_all=True, append_images=[Image.fromarray(GREY[::-1])])
    with pytest.raises(UserError, match="several images or pages"):
        read_image(tmp_path / "a.webp")


def test_tiff_of_several_pages_is_refused(tmp_path: Path) -> None:
    page = Image.fromarray(GREY)
    page.save(tmp_path / "a.tif", save_all=True, append_images=[page])
    with pytest.raises(UserError, match="several images or pages"):
        read_image(tmp_path / "a.tif")


def test_npz_holds_one_image(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    for arrays in ({"anything": GREY}, {"image": GREY, "spacing": RAMP}):
        np.savez_compressed(path, **arrays)
        assert torch.equal(read_image(path)[0], torch.from_numpy(GREY).float() / 255)
        assert image_size(path) == GREY.shape
    np.savez(path, first=GREY, second=GREY)
    with pytest.raises(UserError, match="one called image; it holds first"):
        read_image(path)


def test_what_is_no_image_is_counted(tmp_path: Path) -> None:
    names = ["a.txt", "b.TXT", "DICOMDIR", ".DS_Store", "report"]
    assert passed_over(map(Path, names)) == (
        "passed over 5 files that are no images: 2 .txt, 1 DICOMDIR, 1 hidden, 1 without a suffix"
    )
    assert passed_over([Path("notes.md")]) == "passed over 1 file that is no image: 1 .md"
    assert not passed_over([])


def test_an_array_that_python_2_wrote_is_read_without_a_word(tmp_path: Path) -> None:
    path = _save(tmp_path / "a.npy", GREY)
    path.write_bytes(path.read_bytes().replace(b"(20, 30), }  ", b"(20L, 30L), }"))
    assert read_image(path).shape == (1, 20, 30)
