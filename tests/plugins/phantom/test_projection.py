"""The line integrals against shapes whose path lengths are known."""

import numpy as np
import pytest
import torch

from hdf_plugins.phantom.projection import (
    Beam,
    Ellipsoids,
    chain,
    ellipsoid,
    fill,
    hull,
    path_scale,
    rotation,
    spans,
    union,
)
from hdf_plugins.phantom.strokes import Tubes, stroke

STRAIGHT = np.eye(3)


def beam(turn: np.ndarray = STRAIGHT, source: float = -180.0, size: int = 101) -> Beam:
    return Beam(turn, source, 0.3, (size / 2, size / 2), (size, size))


def thickness(view: Beam, solids: object) -> torch.Tensor:
    near, far = hull(view, solids)  # type: ignore[arg-type]
    return (far - near).clamp(min=0) * path_scale(view)


def silhouette(view: Beam, solids: Ellipsoids) -> np.ndarray:
    return fill(*spans(view, solids), view.size)


def test_central_ray_crosses_the_whole_depth() -> None:
    assert thickness(beam(), ellipsoid((0, 0, 0), (5, 3, 7)))[50, 50] == pytest.approx(14, rel=1e-4)


def test_integral_over_the_image_is_the_volume() -> None:
    view = beam(source=-1e5)
    volume = thickness(view, ellipsoid((1, -2, 3), (5, 3, 7), 30)).sum() * view.spacing**2
    assert float(volume) == pytest.approx(4 / 3 * np.pi * 5 * 3 * 7, rel=5e-3)


def test_integral_matches_sampling_along_oblique_rays() -> None:
    view = beam(rotation(12, -7, 5), source=-90.0)
    solid = ellipsoid((2, 1, -3), (4, 6, 2), 20)
    plane, heading = view.rays()
    u, v = view.axes()
    image = np.stack(np.broadcast_arrays(np.ones((101, 101)), u.numpy(), v.numpy()[:, None]))
    t = np.linspace(-0.3, 0.3, 6001)
    row, column = 55, 60
    path = (plane @ image[:, row, column])[:, None] + (heading @ image[:, row, column])[:, None] * t
    inside = (np.linalg.inv(solid.frames[0]) @ (path - solid.centres.T)) ** 2
    length = (inside.sum(0) < 1).sum() * (t[1] - t[0]) * float(path_scale(view)[row, column])
    assert length > 1
    assert float(thickness(view, solid)[row, column]) == pytest.approx(length, abs=0.03)


def test_silhouette_is_where_the_thickness_is_positive() -> None:
    view = beam(rotation(20, 10, -15), source=120.0)
    solids = union(ellipsoid((3, 2, 5), (6, 3, 4), 40), ellipsoid((-9, -4, 0), (2, 8, 3)))
    differs = (thickness(view, solids).numpy() > 0) != silhouette(view, solids)
    assert differs.sum() <= 2  # float32 against float64 on the very edge


def test_nearer_to_the_source_looks_larger() -> None:
    solid = ellipsoid((0, 0, -10), (5, 5, 5))
    assert silhouette(beam(source=-60.0), solid).sum() > silhouette(beam(source=60.0), solid).sum()


def test_silhouette_outside_the_image_is_empty() -> None:
    assert not silhouette(beam(), ellipsoid((100, 0, 0), (5, 5, 5))).any()


def test_bounds_of_a_rolled_ellipsoid_hold_its_silhouette() -> None:
    view = beam(source=-1e6)
    solid = ellipsoid((1, 2, 0), (8, 3, 4), 35)
    low, high = solid.bounds()
    columns = np.flatnonzero(silhouette(view, solid).any(0))
    edges = (np.array([columns[0], columns[-1] + 1]) - view.centre[0]) * view.spacing
    assert edges == pytest.approx([low[0], high[0]], abs=view.spacing)


def test_chain_begins_and_ends_with_its_ends() -> None:
    first, last = ellipsoid((0, 0, 0), (1, 2, 3)), ellipsoid((5, 0, 0), (2, 2, 2), 10)
    links = chain(first, last, 4)
    assert len(links) == 4
    assert np.allclose(links.frames[0], first.frames[0])
    assert np.allclose(links.centres[-1], last.centres[0])


@pytest.mark.parametrize("hollow", [0.0, 0.8])
@pytest.mark.parametrize("end", [(10.0, 2.0, 0.0), (6.0, -5.0, 9.0)])
def test_tube_keeps_its_volume(hollow: float, end: tuple[float, float, float]) -> None:
    view = beam(source=-1e6)
    canvas = torch.zeros(103, 103)
    path = np.linspace(0, 1, 9)[:, None] * np.array(end)
    tube = Tubes(path[None], np.full((1, 9), 0.9), np.full((1, 9), 2.0), hollow)
    stroke(canvas, view, tube)
    volume = 2.0 * np.pi * 0.9**2 * (1 - hollow**2) * np.linalg.norm(end)
    assert float(canvas.sum() * view.spacing**2) == pytest.approx(volume, rel=0.05)


def test_tube_is_as_thick_as_its_diameter_in_the_middle() -> None:
    view, canvas = beam(), torch.zeros(103, 103)
    path = np.stack([np.linspace(-8, 8, 9), np.zeros(9), np.zeros(9)], -1)[None]
    stroke(canvas, view, Tubes(path, np.full((1, 9), 1.5), np.ones((1, 9))))
    assert float(canvas[51, 40:60].mean()) == pytest.approx(3.0, rel=0.05)


def test_tubes_outside_the_image_leave_no_trace() -> None:
    canvas = torch.zeros(103, 103)
    path = np.array([[[40.0, 40, 0], [60, 50, 0]]])
    stroke(canvas, beam(), Tubes(path, np.ones((1, 2)), np.ones((1, 2))))
    assert float(canvas[1:-1, 1:-1].max()) < 0.01
