"""The cone beam, and the exact intersections of its rays with ellipsoids.

Patient frame, in cm: x to the image's right (the patient's left), y down, z from back to front; the
origin is midway between the lungs, halfway up. The image is drawn in the plane z = 0 of the beam
frame, so that lengths in the middle of the chest keep their size.

Along P(t) = p + t d an ellipsoid with the frame F and the centre c is the interval between the
roots of |F^-1 (p + t d - c)|^2 = 1. With p and d linear in the image coordinates (u, v), the three
coefficients of that equation, and its discriminant, are quadratic polynomials of (u, v).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float64]
Random = np.random.Generator
Triple = Sequence[float] | Array

FAR = 1e4


def rotation(yaw: float, pitch: float, tilt: float) -> Array:
    """The 3x3 matrix patient -> beam, from angles in degrees.

    A positive yaw brings the patient's left side forward, a positive pitch leans back as for a
    lordotic view, and a positive tilt turns clockwise in the image.
    """
    y, p, t = np.deg2rad([yaw, pitch, tilt])
    about_y = np.array([[np.cos(y), 0, np.sin(y)], [0, 1, 0], [-np.sin(y), 0, np.cos(y)]])
    about_x = np.array([[1, 0, 0], [0, np.cos(p), -np.sin(p)], [0, np.sin(p), np.cos(p)]])
    about_z = np.array([[np.cos(t), -np.sin(t), 0], [np.sin(t), np.cos(t), 0], [0, 0, 1]])
    return np.asarray(about_z @ about_x @ about_y)


@dataclass(frozen=True)
class Beam:
    """A point source and an image plane through the patient's middle."""

    rotation: Array  # float64 [3, 3], patient -> beam
    source: float  # z of the X-ray source, cm; negative behind the patient (PA), else before (AP)
    spacing: float  # cm per pixel in the plane z = 0
    centre: tuple[float, float]  # (x, y) of the patient's origin, in pixels on pixel edges
    size: tuple[int, int]  # (height, width) in pixels

    def coarse(self, factor: int) -> Beam:
        """The same view with pixels `factor` times as large."""
        height, width = (-(-side // factor) for side in self.size)
        centre = (self.centre[0] / factor, self.centre[1] / factor)
        return Beam(self.rotation, self.source, self.spacing * factor, centre, (height, width))

    def axes(self) -> tuple[Tensor, Tensor]:
        """u [W] and v [H] of the pixel centres in the plane z = 0, cm, float32."""
        height, width = self.size
        u = (torch.arange(width) + 0.5 - self.centre[0]) * self.spacing
        v = (torch.arange(height) + 0.5 - self.centre[1]) * self.spacing
        return u, v

    def rays(self) -> tuple[Array, Array]:
        """Every ray in the patient frame as P(t) = plane @ (1, u, v) + t * heading @ (1, u, v).

        t is 0 in the image plane and -1 in the source. Returns two float64 [3, 3].
        """
        back = self.rotation.T
        source = np.array([0.0, 0.0, self.source])
        plane = back @ np.array([[0, 1, 0], [0, 0, 1], [0, 0, 0]], dtype=np.float64)
        heading = plane.copy()
        heading[:, 0] -= back @ source
        return plane, heading

    def project(self, points: Array) -> tuple[Array, Array]:
        """Patient points [..., 3] to pixel edges [..., 2], and their magnification [...]."""
        turned = points @ self.rotation.T
        zoom = self.source / (self.source - turned[..., 2])
        pixels = turned[..., :2] * (zoom / self.spacing)[..., None] + np.array(self.centre)
        return pixels, zoom


@dataclass(frozen=True)
class Ellipsoids:
    """K ellipsoids in cm: the images of the unit ball under s -> centres + frames @ s."""

    centres: Array  # float64 [K, 3]
    frames: Array  # float64 [K, 3, 3]

    def scaled(self, scale: Array) -> Ellipsoids:
        """The same solids in a space stretched by `scale` [3]."""
        return Ellipsoids(self.centres * scale, self.frames * scale[:, None])

    def moved(self, shift: Array) -> Ellipsoids:
        return Ellipsoids(self.centres + shift, self.frames)

    def bounds(self) -> tuple[Array, Array]:
        """Lowest and highest corner [3] of the box around their union."""
        reach = np.sqrt((self.frames**2).sum(-1))
        return (self.centres - reach).min(0), (self.centres + reach).max(0)

    def __getitem__(self, index: slice) -> Ellipsoids:
        return Ellipsoids(self.centres[index], self.frames[index])

    def __len__(self) -> int:
        return len(self.centres)


def ellipsoid(centre: Triple, semi_axes: Triple, roll: float = 0.0) -> Ellipsoids:
    """One ellipsoid; `roll` in degrees turns it clockwise in the image plane."""
    angle = np.deg2rad(roll)
    cos, sin = np.cos(angle), np.sin(angle)
    turn = np.array([[cos, -sin, 0], [sin, cos, 0], [0, 0, 1]])
    return Ellipsoids(np.array(centre, dtype=np.float64)[None], (turn * np.array(semi_axes))[None])


def union(*parts: Ellipsoids) -> Ellipsoids:
    """Several ellipsoids, or none, as one set."""
    return Ellipsoids(
        np.concatenate([np.zeros((0, 3)), *(part.centres for part in parts)]),
        np.concatenate([np.zeros((0, 3, 3)), *(part.frames for part in parts)]),
    )


def chain(first: Ellipsoids, last: Ellipsoids, count: int) -> Ellipsoids:
    """`count` ellipsoids from one to the other, which fill the notch between the two."""
    part = np.linspace(0, 1, count)[:, None]
    centres = (1 - part) * first.centres + part * last.centres
    part = part[:, :, None]
    return Ellipsoids(centres, (1 - part) * first.frames + part * last.frames)


def spans(beam: Beam, solids: Ellipsoids) -> tuple[Array, Array]:
    """The left and right end of each solid's silhouette in each row of pixel centres.

    Returns two float64 [K, H], x on pixel edges; NaN where a row misses the solid.
    """
    return _crossings(beam, _coefficients(beam, solids)[0])


def _crossings(beam: Beam, discriminant: Array) -> tuple[Array, Array]:
    """`spans` of the discriminants [K, 6]: the roots of a quadratic in u, row by row."""
    v = (np.arange(beam.size[0]) + 0.5 - beam.centre[1]) * beam.spacing
    one, first, second, uu, uv, vv = discriminant.T[..., None]
    constant, slope = one + second * v + vv * v**2, first + uv * v
    with np.errstate(invalid="ignore"):
        half = np.sqrt(slope**2 - 4 * uu * constant) / (-2 * uu)
    middle = -slope / (2 * uu)
    left, right = ((u / beam.spacing + beam.centre[0]) for u in (middle - half, middle + half))
    return left, right


def fill(left: Array, right: Array, size: tuple[int, int]) -> NDArray[np.bool_]:
    """The pixels whose centres the union of the silhouettes covers, from `spans`: bool [H, W]."""
    height, width = size
    solids, rows = (~np.isnan(left)).nonzero()
    start = np.ceil(left[solids, rows] - 0.5).clip(0, width).astype(np.int32)
    stop = np.ceil(right[solids, rows] - 0.5).clip(0, width).astype(np.int32)
    base = rows * (width + 1)
    depth = np.bincount(base + start, minlength=height * (width + 1))
    depth -= np.bincount(base + stop, minlength=height * (width + 1))
    layers = depth.astype(np.int16).reshape(height, width + 1)
    return np.asarray(layers.cumsum(1, dtype=np.int16)[:, :-1] > 0)


def hull(beam: Beam, solids: Ellipsoids) -> tuple[Tensor, Tensor]:
    """First entry and last exit of each ray among the solids.

    Returns two float32 [H, W] in units of `path_scale`; a ray that misses all of them enters at FAR
    and leaves at -FAR, so that lengths clamp to zero.
    """
    near, far = torch.full(beam.size, FAR), torch.full(beam.size, -FAR)
    u, v = beam.axes()
    coefficients = _coefficients(beam, solids)
    polynomials = torch.from_numpy(np.stack(coefficients, 1)).float()
    for window, forms in zip(_windows(beam, coefficients[0]), polynomials, strict=True):
        discriminant, middle, square = _evaluate(forms, u[window[1]], v[window[0]])
        # No root: the ray misses, and enters after it leaves.
        half = discriminant.sqrt_().nan_to_num_(nan=-FAR * FAR)
        square.reciprocal_()
        enter, leave = near[window], far[window]
        torch.minimum(enter, (middle - half).mul_(square), out=enter)
        torch.maximum(leave, middle.add_(half).mul_(square), out=leave)
    return near, far


def _windows(beam: Beam, discriminant: Array) -> Iterator[tuple[slice, slice]]:
    """Rows and columns that hold each silhouette."""
    width = beam.size[1]
    for left, right in zip(*_crossings(beam, discriminant), strict=True):
        rows = np.flatnonzero((right > 0) & (left < width))
        if len(rows):
            first = int(max(0, np.floor(left[rows].min())))
            last = int(min(width, np.ceil(right[rows].max())))
            yield slice(rows[0], rows[-1] + 1), slice(first, last)
        else:
            yield slice(0, 0), slice(0, 0)


def path_scale(beam: Beam) -> Tensor:
    """cm per unit of t on each ray, float32 [H, W]."""
    u, v = beam.axes()
    return (u**2 + v[:, None] ** 2 + beam.source**2).sqrt()


def _coefficients(beam: Beam, solids: Ellipsoids) -> tuple[Array, Array, Array]:
    """Discriminant, -b and a as polynomials in (1, u, v, u^2, uv, v^2): float64 [K, 6] each.

    With p = start and d = step, d - p is the same on all rays, so p x d = p x (d - p) is linear in
    (u, v), and the discriminant b^2 - ac = |d|^2 - |p x d|^2 is found without cancellation.
    """
    plane, heading = beam.rays()
    inverse = np.linalg.inv(solids.frames)
    start = inverse @ plane
    start[:, :, 0] -= np.einsum("kij,kj->ki", inverse, solids.centres)
    step = inverse @ heading
    a = step.transpose(0, 2, 1) @ step
    b = start.transpose(0, 2, 1) @ step
    cross = np.cross(start, (step - start)[:, :, :1], axis=1)
    discriminant = a - cross.transpose(0, 2, 1) @ cross
    return _monomials(discriminant), _monomials(-b), _monomials(a)


def _monomials(form: Array) -> Array:
    """Quadratic forms [K, 3, 3] in (1, u, v) as [K, 6]."""
    form = form + form.transpose(0, 2, 1)
    halves = np.array([0.5, 1, 1, 0.5, 1, 0.5])
    return np.asarray(form[:, [0, 0, 0, 1, 1, 2], [0, 1, 2, 1, 2, 2]] * halves)


def _evaluate(coefficients: Tensor, u: Tensor, v: Tensor) -> Tensor:
    """The polynomials [3, 6] on a grid: float32 [3, H, W]."""
    one, first, second, uu, uv, vv = coefficients[..., None].unbind(1)
    by_row = one + second * v + vv * v**2
    by_column = uu * u**2
    return torch.addcmul(by_row[:, :, None] + by_column[:, None], (first + uv * v)[:, :, None], u)
