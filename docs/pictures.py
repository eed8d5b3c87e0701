"""Draw the pictures of the README from phantoms.

python docs/pictures.py RUN    (RUN: the folder of a finished run of recipes/vgg16_mse.yaml)
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

from hdf_plugins.phantom.contact import contact_sheet

IMAGES = Path(__file__).parent / "images"


def main(run: Path) -> None:
    """Write ``phantoms.png`` and a smaller copy of the run's ``overlay.png``."""
    IMAGES.mkdir(exist_ok=True)
    contact_sheet(IMAGES / "phantoms.png", pixels=240)
    with Image.open(run / "figures" / "overlay.png") as picture:
        small = picture.convert("RGB").reduce(2)
    small.quantize(128).save(IMAGES / "overlay.png", optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
