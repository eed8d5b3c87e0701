"""Public names that have moved: the old ones work, and say where to look."""

from __future__ import annotations

import sys
from importlib import import_module

import pytest


@pytest.mark.parametrize(
    ("old", "new", "name"),
    [
        ("hdf.dicom", "hdf.images", "is_dicom"),
        ("hdf.export.engine", "hdf.tools.export", "load_onnx_predictor"),
    ],
)
def test_an_old_name_works_and_warns(old: str, new: str, name: str) -> None:
    sys.modules.pop(old, None)
    with pytest.warns(DeprecationWarning, match=f"import {name} from {new}; .* 2027-06-01"):
        moved = import_module(old)
    assert getattr(moved, name) is getattr(import_module(new), name)
