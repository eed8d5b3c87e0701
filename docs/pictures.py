"""Draw the pictures of the README and of the documentation from phantoms.

python docs/pictures.py RUN    (RUN: the folder of a finished run of recipes/vgg16_mse.yaml)
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image
from rich.console import Console

from hdf.preview.make import Choice, make_preview
from hdf.recipe.check import check_recipe
from hdf.recipe.merge import resolve
from hdf.registry import discover
from hdf.reporting.progress import Reporter
from hdf_plugins.phantom.contact import contact_sheet

IMAGES = Path(__file__).parent / "images"
PREVIEW = (
    "data.loader.count=60",
    "data.labels=[heart, left_lung, right_lung]",
    "augment.0={use: affine, degrees: 12, translate: 0.15, scale: [0.8, 1.25]}",
)
"""The changes of recipes/vgg16_mse.yaml that docs/preview.md names."""


def preview(path: Path) -> None:
    """Write what ``hdf preview`` shows, in fewer colours."""
    checked = check_recipe(resolve(Path("vgg16_mse"), PREVIEW), discover())
    sheet = make_preview(checked, Choice(count=6), Reporter(Console(stderr=True)))
    sheet.quantize(256).save(path, optimize=True)


def main(run: Path) -> None:
    """Write ``phantoms.png``, ``preview.png`` and a smaller copy of the run's ``overlay.png``."""
    IMAGES.mkdir(exist_ok=True)
    contact_sheet(IMAGES / "phantoms.png", pixels=240)
    preview(IMAGES / "preview.png")
    with Image.open(run / "figures" / "overlay.png") as picture:
        small = picture.convert("RGB").reduce(2)
    small.quantize(128).save(IMAGES / "overlay.png", optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
