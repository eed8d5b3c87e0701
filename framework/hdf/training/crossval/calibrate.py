"""Putting a cross-validation's calibration into a model file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hdf.errors import user_error
from hdf.inference.load import read_calibration
from hdf.models.detector import ModelSpec
from hdf.models.file import read_spec, save_calibration
from hdf.models.optional import without_weights
from hdf.recipe.load import parse, read_text
from hdf.runs.run_folder import RESOLVED


def calibrate_model(model: Path, folder: Path, out: Path) -> list[str]:
    """Copy a model file, with the calibration that a cross-validation measured.

    Args:
        model: the file.
        folder: of a finished cross-validation with the same labels and head.
        out: may be `model`, which is then replaced whole.

    Returns:
        In what else the model differs from the folds', a line each.

    Raises:
        UserError: the model or the folder can't be read, or labels or head differ.
    """
    spec = read_spec(model)
    calibration = read_calibration(folder)
    resolved = folder / RESOLVED
    recipe = parse(read_text(resolved), str(resolved)).plain()
    ours, theirs = _description(spec), _described(recipe)
    for name in ("labels", "head"):
        if ours[name] != theirs[name]:
            told = f"{json.dumps(theirs[name])} there, {json.dumps(ours[name])} in {model}"
            message = f"was measured with another model.{name}: {told}"
            raise user_error(message.replace("model.labels", "data.labels"), str(folder))
    save_calibration(model, out, calibration)
    return [
        f"{name}: {json.dumps(theirs[name])} in the cross-validation, {json.dumps(value)} here"
        for name, value in ours.items()
        if value != theirs[name]
    ]


def _description(spec: ModelSpec) -> dict[str, Any]:
    """What the errors may depend on, as plain JSON."""
    found = {
        "labels": spec.labels,
        "head": spec.head,
        "backbone": without_weights(spec.backbone),
        "image_size": spec.image_size,
        "resize": spec.resize,
        "normalize": spec.normalize,
    }
    plain: dict[str, Any] = json.loads(json.dumps(found))
    return plain


def _described(recipe: dict[str, Any]) -> dict[str, Any]:
    """The same of a resolved recipe."""
    data, model = recipe["data"], recipe["model"]
    return {
        "labels": data["labels"],
        "head": model["head"],
        "backbone": without_weights(model["backbone"]),
        "image_size": data["image_size"],
        "resize": data["resize"],
        "normalize": model["normalize"],
    }
