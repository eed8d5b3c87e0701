"""Boxes lie on their edges, nothing overlaps, and no file but a preview is replaced."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageColor

from hdf.drawing.colours import true_colours
from hdf.drawing.panels import Panel, Shown, paint
from hdf.drawing.png import is_png_of, save_png
from hdf.drawing.sheet import (
    MARGIN,
    MOST_PIXELS,
    Layout,
    draw_sheet,
    filled_lines,
    most_cells,
)
from hdf.drawing.text import FONT, font_for, shortened
from hdf.errors import UserError
from hdf.files.atomic import refuse_path

MADE_BY = "hdf preview"
is_preview = partial(is_png_of, made_by=MADE_BY)
RED, BLUE = "#FF0000", "#0000FF"


def panel(boxes: list[list[float]], size: tuple[int, int] = (12, 16), grey: int = 100) -> Panel:
    image = torch.full(size, grey, dtype=torch.uint8)
    return Panel(image, torch.tensor(boxes).reshape(-1, 4), torch.arange(len(boxes)))


def test_what_happened_to_boxes_is_noted() -> None:
    two, one, none = panel([[1, 1, 5, 5], [6, 1, 9, 9]]), panel([[1, 1, 5, 5]]), panel([])
    assert Shown("a", two, two).note == Shown("a", two).note == ""
    assert Shown("a", two, one).note == "1 of 2 boxes left"
    assert Shown("a", two, none).note == "no box left"
    assert Shown("a", none, none).note == Shown("a", none).note == "no box"


@pytest.mark.parametrize("zoom", [1, 3])
def test_a_line_lies_half_outside_and_half_inside_its_box(zoom: int) -> None:
    seen = np.asarray(paint(panel([[4, 3, 11, 9]]), [RED], zoom))
    red = (seen == ImageColor.getrgb(RED)).all(2)
    expected = np.zeros_like(red)
    x0, y0, x1, y1 = 4 * zoom, 3 * zoom, 11 * zoom, 9 * zoom
    expected[y0 - 1 : y1 + 1, x0 - 1 : x1 + 1] = True
    expected[y0 + 1 : y1 - 1, x0 + 1 : x1 - 1] = False
    assert (red == expected).all()
    assert (seen[: y0 - 2] == 100).all()
    assert (seen[y0 + 2 : y1 - 2, x0 + 2 : x1 - 2] == 100).all()


def test_a_line_between_pixels_is_shared_by_them() -> None:
    seen = np.asarray(paint(panel([[4.25, 3, 11, 9]], grey=0), [RED], 1))
    assert seen[6, 3:7, 0].tolist() == [191, 255, 64, 0]  # it reaches from 3.25 to 5.25


def test_boxes_at_the_border_and_beyond_are_cut() -> None:
    seen = np.asarray(paint(panel([[0, 0, 16, 12], [-5, 2, 30, 5]]), [RED, BLUE], 1))
    assert (seen[0] == ImageColor.getrgb(RED)).all()
    assert (seen[4:6, 5] == ImageColor.getrgb(BLUE)).all()


def test_pixels_are_enlarged_as_they_are() -> None:
    image = torch.randint(0, 256, (5, 7), dtype=torch.uint8)
    empty = Panel(image, torch.zeros(0, 4), torch.zeros(0, dtype=torch.long))
    seen = np.asarray(paint(empty, [RED], 4))
    for row in range(4):
        assert (seen[row::4, row::4] == image.numpy()[..., None]).all()


def test_a_sheet_holds_its_panels_and_its_legend() -> None:
    stored, augmented = panel([[4, 3, 11, 9]]), panel([[5, 3, 12, 9]], grey=30)
    sheet = draw_sheet([Shown("a", stored, augmented)] * 3, ("heart",), ["x"], "careful")
    layout = Layout.of(3, 2, (12, 16))
    (colour,) = true_colours(1)
    seen = np.asarray(sheet)
    top = int(np.nonzero((seen[:, MARGIN] == 100).all(1))[0][0])
    for number in range(3):
        for half, item in enumerate((stored, augmented)):
            x, y = layout.corner(number, half)
            width, height = layout.panel
            part = seen[top + y : top + y + height, MARGIN + x : MARGIN + x + width]
            assert (part == np.asarray(paint(item, [colour], layout.zoom))).all()
    assert (seen[:top] == ImageColor.getrgb(colour)).all(2).any()


@pytest.mark.parametrize("size", [(16, 16), (224, 224), (16, 4096), (300, 20)])
@pytest.mark.parametrize("count", [1, 2, 7, 12, 50])
def test_no_two_panels_overlap(size: tuple[int, int], count: int) -> None:
    layout = Layout.of(count, 2, size)
    places = [layout.corner(number, half) for number in range(count) for half in range(2)]
    assert len(set(places)) == 2 * count
    assert max(x for x, _ in places) + layout.panel[0] <= layout.size[0] <= layout.width
    assert max(y for _, y in places) + layout.panel[1] < layout.size[1]


def test_a_sheet_has_a_size_that_memory_holds() -> None:
    assert most_cells(2, (224, 224)) * 2 * 224 * 224 <= MOST_PIXELS
    assert most_cells(2, (4096, 4096)) == 1
    assert most_cells(1, (1024, 1024)) >= 12


def test_long_texts_are_shortened_in_the_middle() -> None:
    id = "1.2.840.113619." + "7" * 5000 + ".042"
    short = shortened(id, 150)
    assert FONT.getlength(short) <= 150
    assert short.startswith("1.2.8")
    assert short.endswith(".042")
    assert shortened("short", 150) == "short"
    assert shortened("two\nlines", 150) == "two?lines"
    assert shortened("anything", 1)


@pytest.mark.parametrize("side", [128, 512, 1024, 2000, 4000])
def test_letters_keep_their_share_of_a_large_film(side: int) -> None:
    high = font_for(side).size
    assert high >= 12
    assert side < 700 or 0.015 < high / side < 0.02  # 30 px or more on a film of 2,000
    assert font_for(side).getlength(shortened("a" * 500, side, font_for(side))) <= side


def test_lines_are_filled_and_nothing_is_lost() -> None:
    assert filled_lines([3, 3, 3, 9, 1], 7) == [[0, 1], [2], [3], [4]]
    assert filled_lines([], 7) == []


def test_only_previews_are_replaced(tmp_path: Path) -> None:
    path = tmp_path / "new" / "a.png"
    refuse_path(path, "preview", is_preview, overwrite=False)
    save_png(Image.new("RGB", (4, 4)), path, MADE_BY)
    refuse_path(path, "preview", is_preview, overwrite=False)
    for name, write in {
        "photo.png": lambda file: Image.new("RGB", (4, 4)).save(file),
        "text.png": lambda file: file.write_text("no picture"),
        "cut.png": lambda file: file.write_bytes(path.read_bytes()[:30]),
    }.items():
        write(tmp_path / name)
        with pytest.raises(UserError, match=f"{name}: is there already.*--overwrite"):
            refuse_path(tmp_path / name, "preview", is_preview, overwrite=False)
        refuse_path(tmp_path / name, "preview", is_preview, overwrite=True)


def test_places_that_hold_no_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="is a folder"):
        refuse_path(tmp_path, "preview", is_preview, overwrite=True)
    with pytest.raises(UserError, match=r"can't be written into .*file"):
        refuse_path(tmp_path / "file" / "a.png", "preview", is_preview, overwrite=True)
    with pytest.raises(UserError, match=r"a.png: can't be written"):
        save_png(Image.new("RGB", (4, 4)), tmp_path / "file" / "a.png", MADE_BY)
