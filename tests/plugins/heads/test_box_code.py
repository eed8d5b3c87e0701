from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from hdf_plugins.heads.box_regression import LARGEST_SIDE, SMALLEST_SIDE, decode, encode

SIZE = (100, 200)
FINITE = st.floats(-1e6, 1e6, width=32)


def test_code_of_a_box() -> None:
    code = encode(torch.tensor([50.0, 20.0, 150.0, 30.0]), SIZE)
    assert code.tolist() == pytest.approx([0.5, 0.25, math.log(0.5), math.log(0.1)])


def test_codes_do_not_depend_on_the_size_of_the_image() -> None:
    box = torch.tensor([50.0, 20.0, 150.0, 30.0])
    assert torch.allclose(encode(box, SIZE), encode(box * 3, (300, 600)))


def test_decode_inverts_encode() -> None:
    torch.manual_seed(0)
    corners = torch.rand(50, 2, 2).sort(1).values
    boxes = (corners * torch.tensor([200.0, 100.0])).flatten(1)
    wide = boxes[(corners[:, 1] - corners[:, 0] > 0.01).all(1)]
    assert len(wide) > 20
    assert torch.allclose(decode(encode(wide, SIZE), SIZE), wide, atol=1e-3)


@settings(deadline=None)
@given(code=st.tuples(FINITE, FINITE, FINITE, FINITE))
def test_decoded_edges_are_ordered_and_finite(code: tuple[float, ...]) -> None:
    x0, y0, x1, y1 = decode(torch.tensor(code), SIZE).tolist()
    assert x0 <= x1
    assert y0 <= y1
    assert all(map(math.isfinite, (x0, y0, x1, y1)))


@settings(deadline=None)
@given(box=st.tuples(FINITE, FINITE, FINITE, FINITE))
def test_degenerate_and_swapped_boxes_have_finite_codes(box: tuple[float, ...]) -> None:
    assert encode(torch.tensor(box), SIZE).isfinite().all()


def test_sides_are_bounded() -> None:
    x0, y0, x1, y1 = decode(torch.tensor([0.5, 0.5, -1e4, 1e4]), SIZE).tolist()
    assert x1 - x0 == pytest.approx(SMALLEST_SIDE * 200, rel=1e-3)
    assert y1 - y0 == pytest.approx(LARGEST_SIDE * 100, rel=1e-3)
