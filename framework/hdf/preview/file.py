"""The file of a preview; hdf replaces its own, and no other."""

from __future__ import annotations

from pathlib import Path

from PIL.Image import Image
from PIL.PngImagePlugin import PngImageFile, PngInfo

from hdf.errors import user_error
from hdf.files import replacing

MADE_BY = ("Software", "hdf preview")
"""A text in the PNG, by which a preview is known."""


def save_preview(sheet: Image, path: Path) -> None:
    """Write the PNG, whole or not at all.

    Raises:
        UserError: it can't be written.
    """
    made_by = PngInfo()
    made_by.add_text(*MADE_BY)
    try:
        with replacing(path) as temporary:
            sheet.save(temporary, format="PNG", pnginfo=made_by)
    except OSError as error:
        raise user_error(f"can't be written: {error.strerror or error}", str(path)) from error


def is_preview(path: Path) -> bool:
    """Whether a file was made by `save_preview`."""
    name, text = MADE_BY
    try:
        with PngImageFile(path) as image:
            return image.info.get(name) == text
    except (OSError, SyntaxError, ValueError):  # no PNG, or a damaged one
        return False
