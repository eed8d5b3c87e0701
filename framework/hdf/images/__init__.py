"""Radiographs from files of all formats, on one pixel scale.

A new format is a row of `reading.FORMATS`, with functions for its size and its pixels; nothing here
depends on loaders, recipes or models.
"""

from hdf.images.dicom import is_dicom
from hdf.images.reading import (
    SUFFIXES,
    image_facts,
    image_size,
    is_image,
    passed_over,
    read_image,
    read_mask,
    stem_of,
)

__all__ = [
    "SUFFIXES",
    "image_facts",
    "image_size",
    "is_dicom",
    "is_image",
    "passed_over",
    "read_image",
    "read_mask",
    "stem_of",
]
