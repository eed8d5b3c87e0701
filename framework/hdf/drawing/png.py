"""PNG files marked with the command that made them, so that no other file is replaced."""

from __future__ import annotations

from pathlib import Path

from PIL.Image import Image
from PIL.PngImagePlugin import PngImageFile, PngInfo

from hdf.errors import user_error
from hdf.files.atomic import replacing

MADE_BY = "Software"
"""The key of the text chunk with the command."""


def save_png(picture: Image, path: Path, made_by: str) -> None:
    """Write a PNG of a command, such as ``hdf preview``; a UserError says that it can't be."""
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
