"""A network image, pixel by pixel, with its boxes where they are to a fraction of a pixel."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

from hdf.drawing.shapes import HALO, HALO_ALPHA, LINE, blend, frame
from hdf.tools.preview.images import Panel


def paint(panel: Panel, colours: Sequence[str], zoom: int) -> Image.Image:
    """A panel as an RGB image, each of its pixels drawn as `zoom` x `zoom` equal ones.

    Args:
        colours: ``#RRGGBB``, one a label.
    """
    grey = panel.image.numpy().repeat(zoom, 0).repeat(zoom, 1)
    picture = np.stack([grey] * 3, -1)
    boxes = [tuple(box) for box in (panel.boxes * zoom).tolist()]
    for box in boxes:
        blend(picture, frame(box, HALO, grey.shape) * HALO_ALPHA, "#000000")
    for box, label in zip(boxes, panel.labels.tolist(), strict=True):
        blend(picture, frame(box, LINE, grey.shape), colours[label])
    return Image.fromarray(picture)
