"""Images under 3x3 matrices that act on pixel edges.

A matrix maps a point (x, y, 1) of the image to the point of the result that shows it. The centre of
the pixel in column 0 lies at x = 0.5, so matrices on pixel centres need `centers_to_edges` first.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def centers_to_edges(matrices: Tensor) -> Tensor:
    """Matrices [B, 3, 3] that act on pixel centres (column 0 at x = 0), for pixel edges."""
    shift = torch.eye(3, dtype=matrices.dtype)
    shift[:2, 2] = 0.5
    return shift @ matrices @ shift.inverse()


def resample(images: Tensor, matrices: Tensor) -> Tensor:
    """Warp images with one bilinear resampling; what comes from outside the image is 0.

    Args:
        images: float32 [B, C, H, W].
        matrices: float64 [B, 3, 3] on the CPU, invertible.

    Returns:
        float32 [B, C, H, W].
    """
    height, width = images.shape[-2:]
    to_unit = matrices.new_tensor([[2 / width, 0, -1], [0, 2 / height, -1], [0, 0, 1]])
    backward = to_unit @ matrices.inverse() @ to_unit.inverse()
    if (backward[:, 2] == backward.new_tensor([0, 0, 1])).all():
        grid = _source_points(backward[:, :2].to(images), height, width)
    else:
        points = _source_points(backward.to(images), height, width)
        outside, depth = 2.0, points[..., 2:]
        grid = torch.where(depth > 0, points[..., :2] / depth, outside)
    return F.grid_sample(images, grid, align_corners=False)


def _source_points(backward: Tensor, height: int, width: int) -> Tensor:
    """Where the pixels of the result come from: [B, H, W, D] from [B, D, 3], in -1..1."""
    # One pass that writes a plane for each coordinate, rows together: ten times as fast as
    # affine_grid's matrix product over all pixels, and what grid_sample reads most quickly.
    x = _unit_centers(width, backward)
    y = _unit_centers(height, backward)[:, None]
    by_x, by_y, constant = backward.transpose(0, 1)[:, :, None, None].unbind(-1)
    return torch.addcmul(y * by_y + constant, x, by_x).permute(1, 2, 3, 0)


def _unit_centers(count: int, like: Tensor) -> Tensor:
    return (2 * torch.arange(count, device=like.device, dtype=like.dtype) + 1) / count - 1
