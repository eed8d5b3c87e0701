"""Moved to `hdf.tools.export`; the old name goes on 2027-06-01."""

import warnings

from hdf.tools.export import load_onnx_predictor as load_onnx_predictor

warnings.warn(
    "import load_onnx_predictor from hdf.tools.export; hdf.export.engine goes on 2027-06-01",
    DeprecationWarning,
    stacklevel=2,
)
