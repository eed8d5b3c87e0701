from functools import partial
from pathlib import Path

import torch

import hdf


class OldLoaderLoader:
    """PNG images, each with a text file: one line a box, ``label x0 y0 x1 y1`` in pixels.

    Args:
        folder: holds NAME.png and NAME.txt.
    """

    def __init__(self, *, folder: Path) -> None:
        self.folder = folder

    def records(self) -> list[hdf.Sample]:
        return [self._record(image) for image in sorted(self.folder.glob("*.png"))]

    def _record(self, image: Path) -> hdf.Sample:
        table = image.with_suffix(".txt")
        try:
            rows = [line.split() for line in table.read_text(encoding="utf-8").splitlines()]
            boxes = [[float(x0), float(y0), float(x1), float(y1)] for _, x0, y0, x1, y1 in rows]
        except (OSError, ValueError) as error:  # a bad record is reported, and the others listed
            return hdf.Sample.broken(image.stem, f"{table}: {error}")
        target = hdf.Target(torch.tensor(boxes).reshape(-1, 4), tuple(row[0] for row in rows))
        read = partial(hdf.read_image, image)
        return hdf.Sample(image.stem, read, target, where=str(table), files=(image,))
