"""Radiographs from files of any format, in one pixel scale.

A format comes in as a row of `formats` with a module that reads its size and its pixels; nothing
here knows of loaders, recipes or models.
"""

from hdf.images.dicom import is_dicom
from hdf.images.reading import (
    SUFFIXES,
    image_facts,
    image_size,
    is_image,
    read_image,
    read_mask,
)

__all__ = [
    "SUFFIXES",
    "image_facts",
    "image_size",
    "is_dicom",
    "is_image",
    "read_image",
    "read_mask",
]
