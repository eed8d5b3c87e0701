"""PNG files that say who made them; hdf replaces its own, and no other."""

from __future__ import annotations

from pathlib import Path

from PIL.Image import Image
from PIL.PngImagePlugin import PngImageFile, PngInfo

from hdf.errors import user_error
from hdf.files.atomic import replacing

MADE_BY = "Software"
"""The text in the PNG, by which it is known."""


def save_png(picture: Image, path: Path, made_by: str) -> None:
    """Write a PNG, whole or not at all.

    Args:
        made_by: a command, such as ``hdf preview``.

    Raises:
        UserError: it can't be written.
    """
    info = PngInfo()
    info.add_text(MADE_BY, made_by)
    try:
        with replacing(path) as temporary:
            picture.save(temporary, format="PNG", pnginfo=info, compress_level=3)
    except OSError as error:
        raise user_error(f"can't be written: {error.strerror or error}", str(path)) from error


def is_png_of(path: Path, made_by: str) -> bool:
    """Whether a file was made by `save_png` for this command."""
    try:
        with PngImageFile(path) as image:
            return image.info.get(MADE_BY) == made_by
    except (OSError, SyntaxError, ValueError):  # no PNG, or a damaged one
        return False
