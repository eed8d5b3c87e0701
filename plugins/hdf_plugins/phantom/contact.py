"""A contact sheet: many phantoms side by side in one picture."""

from __future__ import annotations

from pathlib import Path

import torch
from PIL import Image

from hdf.files import replacing
from hdf_plugins.phantom.patient import make_phantom
from hdf_plugins.phantom.radiograph import render_image


def contact_sheet(
    path: Path, *, seed: int = 0, first: int = 0, grid: tuple[int, int] = (3, 4), pixels: int = 320
) -> Path:
    """Write grid[0] rows of grid[1] phantoms, `pixels` wide and high each, as one grey PNG."""
    rows, columns = grid
    tiles = [
        render_image(make_phantom(seed, first + index, (pixels, pixels)))[0]
        for index in range(rows * columns)
    ]
    lines = [torch.cat(tiles[row * columns : (row + 1) * columns], 1) for row in range(rows)]
    grey = (torch.cat(lines) * 255).round().to(torch.uint8)
    with replacing(path) as temporary:
        Image.fromarray(grey.numpy()).save(temporary, format="PNG")
    return path
