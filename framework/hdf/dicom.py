"""Moved to `hdf.images`; the old name goes on 2027-06-01."""

import warnings

from hdf.images import is_dicom as is_dicom

warnings.warn(
    "import is_dicom from hdf.images; hdf.dicom goes on 2027-06-01",
    DeprecationWarning,
    stacklevel=2,
)
