"""Boxes lie on pixel edges, and files are whole and tell nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from hdf import Detections, View
from hdf.drawing import box_colours
from hdf_plugins.visualizers.drawing import (
    draw_boxes,
    draw_grid,
    draw_radiograph,
    save,
    write_pages,
)

MakeView = Callable[..., View]


def draw_pages(view: View, indices: Sequence[int], folder: Path, name: str) -> list[Path]:
    return write_pages(view, indices, folder, name, partial(draw_grid, view))


@pytest.mark.parametrize("size", [(6, 8), (1500, 2000)])
def test_pixel_edges_are_whole_coordinates(size: tuple[int, int], tmp_path: Path) -> None:
    height, width = size
    image = torch.zeros(size)
    image[height // 3 : height // 3 * 2, width // 4 : width // 4 * 3] = 1
    figure = Figure(figsize=(8, 6), dpi=100)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_axis_off()
    draw_radiograph(axes, image)
    figure.savefig(tmp_path / "a.png")
    seen = np.asarray(Image.open(tmp_path / "a.png").convert("L")) > 127
    rows, columns = np.flatnonzero(seen.any(1)), np.flatnonzero(seen.any(0))
    # A picture of 800 x 600 dots: the block covers a quarter to three quarters, a third to two.
    assert (columns[0], columns[-1] + 1) == pytest.approx((200, 600), abs=1)
    assert (rows[0], rows[-1] + 1) == pytest.approx((200, 400), abs=1)
    assert axes.get_xlim() == (0, width)
    assert axes.get_ylim() == (height, 0)


def test_boxes_lie_on_their_edges(make_view: MakeView) -> None:
    axes = Figure().subplots()
    draw_boxes(axes, make_view(3), 2)
    below, predicted, below_true, true = (
        patch for patch in axes.patches if isinstance(patch, Rectangle)
    )
    assert below.get_zorder() == below_true.get_zorder() < predicted.get_zorder()
    assert predicted.get_bbox().bounds == (22, 10, 20, 20)
    assert true.get_bbox().bounds == (20, 10, 20, 20)
    assert predicted.get_linestyle() == "-"
    assert true.get_linestyle() != "-"
    assert predicted.get_edgecolor() != true.get_edgecolor()


def test_true_and_predicted_boxes_have_colours_for_each_label(make_view: MakeView) -> None:
    axes = Figure().subplots()
    draw_boxes(axes, make_view(1, ("heart", "left_lung", "right_lung")), 0)
    drawn = [
        (to_hex(patch.get_edgecolor()).upper(), patch.get_linestyle())
        for patch in axes.patches[1::2]
    ]
    assert [colour for colour, _ in drawn] == [colour for pair in box_colours(3) for colour in pair]
    assert [style == "-" for _, style in drawn] == [True, False] * 3


def test_pages(make_view: MakeView, tmp_path: Path) -> None:
    view = make_view(30)
    written = draw_pages(view, range(14), tmp_path, "many")
    assert [path.name for path in written] == ["many_01.png", "many_02.png"]
    assert [path.name for path in draw_pages(view, [3], tmp_path, "one")] == ["one.png"]
    assert draw_pages(view, [], tmp_path, "none") == []
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "many_01.png",
        "many_02.png",
        "one.png",
    ]


@pytest.mark.parametrize("size", [(1, 1), (200, 20), (20, 200)])
def test_images_of_any_shape(make_view: MakeView, tmp_path: Path, size: tuple[int, int]) -> None:
    (path,) = draw_pages(make_view(2, size=size), [0, 1], tmp_path, "shape")
    with Image.open(path) as picture:
        assert 500 < picture.width < 4000
        assert 150 < picture.height < 4000


def test_nothing_found(make_view: MakeView, tmp_path: Path) -> None:
    view = make_view(1)
    nothing = Detections(torch.zeros(0, 4), torch.zeros(0).long(), torch.zeros(0))
    empty = View(**{**view.__dict__, "detections": [nothing]})
    assert draw_pages(empty, [0], tmp_path, "empty")[0].is_file()


def test_pictures_hold_no_words_and_are_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(b"the last one")
    save(Figure(), path)
    with Image.open(path) as picture:
        assert set(picture.info) <= {"dpi"}
    before = path.read_bytes()
    broken = Figure()
    broken.text(0, 0, r"$\nothing$")
    with pytest.raises(ValueError, match="nothing"):
        save(broken, path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_threads_draw_the_same_picture(make_view: MakeView, tmp_path: Path) -> None:
    view = make_view(4)

    def draw(number: int) -> bytes:
        return draw_pages(view, range(4), tmp_path / str(number), "a")[0].read_bytes()

    with ThreadPoolExecutor(4) as pool:
        assert len(set(pool.map(draw, range(4)))) == 1
