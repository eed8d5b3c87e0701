"""The largest component by tensors is SciPy's."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, label
from torch import Tensor

from hdf_plugins.heads.outlines import by_scipy, by_tensors, is_plain, read_outlines


class Outlines(torch.nn.Module):
    def forward(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        return read_outlines(maps, (96, 128))


def spiral(side: int) -> NDArray[np.bool_]:
    """A wall one pixel thick that winds from a corner to the middle: as long a way as there is."""
    wall = np.zeros((side, side), bool)
    row, column, step = 0, -1, (0, 1)
    lengths = [side, *(length for n in range(side - 1, 0, -2) for length in (n, n))]
    for length in lengths[: side - 2]:
        for _ in range(length):
            row, column = row + step[0], column + step[1]
            wall[row, column] = True
        step = (step[1], -step[0])
    return wall


@pytest.mark.parametrize("share", [0.05, 0.3, 0.5, 0.6, 0.8])
@pytest.mark.parametrize("sigma", [0.0, 1.5, 4.0])
def test_it_keeps_what_scipy_keeps(share: float, sigma: float) -> None:
    random = np.random.default_rng(0)
    noise = np.stack([gaussian_filter(random.random((23, 32)), sigma) for _ in range(24)])
    limits = np.quantile(noise, 1 - share, axis=(1, 2), keepdims=True)
    maps = torch.from_numpy(np.clip(0.5 + (noise - limits) * 3, 0, 1)).float().view(4, 6, 23, 32)
    expected = by_scipy(maps)
    assert (maps > 0.5).any() and not torch.equal(expected, maps)
    assert torch.equal(by_tensors(maps), expected)


@pytest.mark.parametrize("turns", range(4))
@pytest.mark.parametrize("flip", [False, True])
def test_it_follows_a_spiral_to_its_end(turns: int, flip: bool) -> None:
    wound = np.rot90(spiral(40), turns)
    maps = torch.zeros(1, 1, 40, 44)
    maps[0, 0, :, :40] = torch.from_numpy((wound.T if flip else wound).copy()).float()
    alone = maps.clone()
    maps[..., 10:30, 42] = 1.0
    assert label(maps[0, 0].numpy())[1] == 2
    assert torch.equal(by_tensors(maps), alone)


def test_of_equal_ones_the_first_counts() -> None:
    maps = torch.zeros(1, 1, 8, 12)
    maps[..., 1:3, 8:10] = maps[..., 5:7, 1:3] = 0.9
    assert torch.equal(by_tensors(maps), by_scipy(maps))


@pytest.mark.parametrize("sigma", [0.0, 1.0, 3.0, 6.0])
def test_plain_maps_have_one_component(sigma: float) -> None:
    random = np.random.default_rng(1)
    noise = np.stack([gaussian_filter(random.random((9, 12)), sigma) for _ in range(300)])
    shares = random.random(300)
    levels = [np.quantile(item, share) for item, share in zip(noise, shares, strict=True)]
    solid = noise > np.array(levels)[:, None, None]
    known = is_plain(torch.from_numpy(solid))
    counts = torch.tensor([label(item)[1] for item in solid])
    assert (counts[known] <= 1).all()
    assert known.any() and (sigma < 2 or known[counts <= 1].float().mean() > 0.5)


def test_a_ring_is_plain_neither_by_rows_nor_by_columns() -> None:
    maps = torch.zeros(3, 9, 9, dtype=torch.bool)
    maps[1:, 2:7, 2:7] = True
    maps[2, 4, 4] = False
    assert is_plain(maps).tolist() == [True, True, False]


@pytest.mark.parametrize("kind", ["pt2", "onnx"])
def test_graphs_read_what_scipy_reads(kind: str) -> None:
    random = np.random.default_rng(2)
    noise = np.stack([gaussian_filter(random.random((24, 32)), 2.0) for _ in range(8)])
    several = torch.from_numpy(0.5 + (noise - np.median(noise)) * 4).float().view(4, 1, 2, 24, 32)
    one = torch.zeros(1, 1, 2, 24, 32)
    one[..., 4:20, 7:25] = 0.9
    program = torch.export.export(Outlines(), (one[0],))
    answer = program.module() if kind == "pt2" else by_onnx(program)
    for maps in [*several.clamp(0, 1), *one]:
        for found, expected in zip(answer(maps), read_outlines(maps, (96, 128)), strict=True):
            assert torch.allclose(found, expected, atol=1e-3, equal_nan=True)


def by_onnx(program: torch.export.ExportedProgram) -> Callable[[Tensor], list[Tensor]]:
    for name in ("onnx", "onnxscript"):
        pytest.importorskip(name, reason=f"{name} is not installed: the extra onnx")
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        written = torch.onnx.export(program, dynamo=True, opset_version=18, verbose=False)
    assert written is not None
    session = runtime.InferenceSession(written.model_proto.SerializeToString())
    name = session.get_inputs()[0].name
    return lambda maps: [torch.from_numpy(v) for v in session.run(None, {name: maps.numpy()})]
