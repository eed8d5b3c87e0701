"""``hdf`` as a user starts it, and where the real radiographs are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def run_hdf(*words: str | Path) -> None:
    """Run the command of this environment to its end; it must not fail."""
    hdf = Path(sys.executable).with_name("hdf")
    subprocess.run([hdf, *words], check=True, capture_output=True)


def masked(chest: Path) -> tuple[str, str]:
    """What tells a recipe with the loader `mask_boxes` where its data are."""
    return f"data.loader.images={chest / 'images'}", f"data.loader.masks={chest / 'masks'}"
