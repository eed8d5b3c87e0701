"""Images, boxes and masks under 3x3 matrices that act on pixel edges.

A matrix maps a point (x, y, 1) of the image to the point of the result that shows it. The centre of
the pixel in column 0 lies at x = 0.5, so matrices on pixel centres need `centers_to_edges` first.

An outline of what a box or a mask stands for is a closed polygon [P, 2] on pixel edges. Bounds of a
warped outline are those of the warped object, where bounds of a box's warped corners would be too
large.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Shape = Literal["ellipse", "rectangle"]

# With 128 points the polygon's sagitta is 3e-4 of a half-axis; its extremes on the axes are exact.
_TURN = torch.arange(128, dtype=torch.float64) * (torch.pi / 64)
_UNIT: dict[Shape, Tensor] = {
    "ellipse": torch.stack([_TURN.cos(), _TURN.sin()], -1).float(),
    "rectangle": torch.tensor([[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]]),
}


def centers_to_edges(matrices: Tensor) -> Tensor:
    """Matrices [B, 3, 3] that act on pixel centres (column 0 at x = 0), for pixel edges."""
    shift = torch.eye(3, dtype=matrices.dtype)
    shift[:2, 2] = 0.5
    return shift @ matrices @ shift.inverse()


def resample(images: Tensor, matrices: Tensor) -> Tensor:
    """Warp images float32 [B, C, H, W] with a single bilinear resampling; outside is 0.

    Args:
        matrices: float64 [B, 3, 3] on the CPU, invertible.
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
    """Source positions of the result's pixels, [B, H, W, D] from [B, D, 3], in -1..1."""
    # One pass with a contiguous plane per coordinate: ten times as fast as affine_grid's matrix
    # product over all pixels, and the fastest layout for grid_sample.
    x = _unit_centers(width, backward)
    y = _unit_centers(height, backward)[:, None]
    by_x, by_y, constant = backward.transpose(0, 1)[:, :, None, None].unbind(-1)
    return torch.addcmul(y * by_y + constant, x, by_x).permute(1, 2, 3, 0)


def _unit_centers(count: int, like: Tensor) -> Tensor:
    return (2 * torch.arange(count, device=like.device, dtype=like.dtype) + 1) / count - 1


def box_outlines(boxes: Tensor, shape: Shape) -> Tensor:
    """The ellipse inscribed in each box float32 [..., 4], or its rectangle: [..., P, 2]."""
    center, half = (boxes[..., :2] + boxes[..., 2:]) / 2, (boxes[..., 2:] - boxes[..., :2]) / 2
    return center[..., None, :] + half[..., None, :] * _UNIT[shape].to(boxes)


def mask_outlines(masks: Tensor) -> Tensor:
    """The midpoints of the outer sides of the outermost pixels of each row and each column.

    Of masks bool [..., H, W] they are float32 [..., 2 H + 2 W, 2]; undefined for an empty mask.
    """
    x0, x1, rows = _extremes(masks)
    y0, y1, columns = _extremes(masks.mT)
    left, right = torch.stack([x0, rows], -1), torch.stack([x1, rows], -1)
    top, bottom = torch.stack([columns, y0], -1), torch.stack([columns, y1], -1)
    return torch.cat([left, right.flip(-2), top, bottom.flip(-2)], -2)


def _extremes(masks: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Both ends of each row and its middle, [..., H]; an empty row repeats another one."""
    count = masks.shape[-1]
    # The maximum of products of short integers is five times as fast as argmax over bool.
    number = torch.arange(1, count + 1, dtype=torch.int16, device=masks.device)
    last = (masks * number).amax(-1)
    first = count - (masks * number.flip(0)).amax(-1)
    occupied = last > 0
    row = torch.arange(masks.shape[-2], device=masks.device)
    row = torch.where(occupied, row, occupied.byte().argmax(-1, keepdim=True))
    return first.gather(-1, row).float(), last.gather(-1, row).float(), row + 0.5


def warped_bounds(
    outlines: Tensor, matrices: Tensor, size: tuple[int, int]
) -> tuple[Tensor, Tensor]:
    """The bounds of the visible part and of the whole of warped objects, each float32 [B, N, 4].

    The first have swapped or equal edges if nothing is visible. An object that extends behind the
    horizon of a projection counts as not visible, and the bounds of the whole are NaN.

    Args:
        outlines: float32 [B, N, P, 2].
        matrices: [B, 3, 3].
        size: (height, width) of the image.
    """
    warped = F.pad(outlines, (0, 1), value=1.0) @ matrices.mT[:, None].to(outlines)
    depth = warped[..., 2:]
    in_front = (depth > 0).all(-2, keepdim=True)
    points = torch.where(in_front, warped[..., :2] / depth, torch.nan)
    return _visible_bounds(points, size), torch.cat([points.amin(-2), points.amax(-2)], -1)


def _visible_bounds(outlines: Tensor, size: tuple[int, int]) -> Tensor:
    # Tighter than clipped bounds: of a disc whose centre has left through the bottom edge, less
    # than the full width is visible. So each axis is taken within the limits of the other.
    height, width = size
    x0, x1 = _extent_within(outlines, height)
    y0, y1 = _extent_within(outlines.flip(-1), width)
    low = torch.stack([x0.clamp(0, width), y0.clamp(0, height)], -1)
    high = torch.stack([x1.clamp(0, width), y1.clamp(0, height)], -1)
    return torch.cat([low, high], -1)


def _extent_within(outlines: Tensor, limit: int) -> tuple[Tensor, Tensor]:
    """The extent of the first coordinate where the second is in 0..limit."""
    u, v = outlines.unbind(-1)
    next_u, next_v = outlines.roll(-1, -2).unbind(-1)
    rise = torch.where(next_v == v, 1.0, next_v - v)
    slope = (next_u - u) / rise
    enter = u + (v.clamp(0, limit) - v) * slope
    leave = next_u + (next_v.clamp(0, limit) - next_v) * slope
    seen = (torch.maximum(v, next_v) >= 0) & (torch.minimum(v, next_v) <= limit)
    low = torch.where(seen, torch.minimum(enter, leave), torch.inf).amin(-1)
    high = torch.where(seen, torch.maximum(enter, leave), -torch.inf).amax(-1)
    return low, high
