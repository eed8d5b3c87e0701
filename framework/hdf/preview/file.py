"""The file of a preview; hdf replaces its own, and no other."""

from __future__ import annotations

import os
from pathlib import Path

from PIL.Image import Image
from PIL.PngImagePlugin import PngImageFile, PngInfo

from hdf.errors import user_error
from hdf.files import replacing

MADE_BY = ("Software", "hdf preview")
"""A text in the PNG, by which a preview is known."""


def refuse_path(path: Path, overwrite: bool) -> None:
    """Refuse a path that holds anything but a preview, or that can't be written.

    Args:
        overwrite: whether any file may be replaced.

    Raises:
        UserError: saying what to do instead.
    """
    if path.is_dir():
        raise user_error("is a folder; --out names a file", str(path))
    if path.exists() and not overwrite and not _is_preview(path):
        message = "is there already, and is no preview; give another --out, or --overwrite"
        raise user_error(message, str(path))
    above = next(folder for folder in path.absolute().parents if folder.exists())
    if not (above.is_dir() and os.access(above, os.W_OK)):
        raise user_error(f"can't be written into {above}", str(path))


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


def _is_preview(path: Path) -> bool:
    name, text = MADE_BY
    try:
        with PngImageFile(path) as image:
            return image.info.get(name) == text
    except (OSError, SyntaxError, ValueError):  # no PNG, or a damaged one
        return False
