"""Putting a cross-validation's calibration into a model file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hdf.errors import user_error
from hdf.inference.load import read_calibration
from hdf.models.detector import without_weights
from hdf.models.file import read_spec, save_calibration
from hdf.recipe.load import parse, read_text
from hdf.runs.run_folder import RESOLVED

ASPECTS = ("labels", "head", "backbone", "image_size", "resize", "normalize")
"""What the errors may depend on."""


def calibrate_model(model: Path, folder: Path, out: Path) -> list[str]:
    """Copy a model file to `out`, or in place, with what the cross-validation in `folder` measured.

    Returns a line for each thing in which the model differs from the folds'. A `UserError` where
    either can't be read, or labels or head differ.
    """
    ours = _described(vars(read_spec(model)))
    calibration = read_calibration(folder)
    resolved = folder / RESOLVED
    recipe = parse(read_text(resolved), str(resolved)).plain()
    theirs = _described({**recipe["data"], **recipe["model"]})
    for key, name in (("data.labels", "labels"), ("model.head", "head")):
        if ours[name] != theirs[name]:
            told = f"{json.dumps(theirs[name])} there, {json.dumps(ours[name])} in {model}"
            raise user_error(f"was measured with another {key}: {told}", str(folder))
    save_calibration(model, out, calibration)
    return [
        f"{name}: {json.dumps(theirs[name])} in the cross-validation, {json.dumps(value)} here"
        for name, value in ours.items()
        if value != theirs[name]
    ]


def _described(facts: Mapping[str, Any]) -> dict[str, Any]:
    backbone = without_weights(facts["backbone"])
    found = {**{name: facts[name] for name in ASPECTS}, "backbone": backbone}
    plain: dict[str, Any] = json.loads(json.dumps(found))
    return plain
