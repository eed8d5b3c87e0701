"""The cone beam: positions of X-ray tube, patient and pixels.

Patient frame, in cm: x to the image's right (the patient's left), y down, z from back to front; the
origin is midway between the lungs, halfway up. The image is drawn in the plane z = 0 of the beam
frame, so that lengths in the middle of the chest keep their size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Array = NDArray[np.float64]
Random = np.random.Generator


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
