"""Loading a predictor by the names of models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from pydantic import TypeAdapter, ValidationError

from hdf.errors import user_error
from hdf.inference.predictor import Predictor
from hdf.models.calibration import Calibration
from hdf.models.detector import Detector
from hdf.models.file import load_model
from hdf.models.weights import DEFAULT, find_models
from hdf.recipe.load import read_text
from hdf.registry.registry import Registry, discover
from hdf.runtime.device import choose_compute

CALIBRATION = "calibration.json"


def load_predictor(
    *models: str | Path,
    device: str = "auto",
    precision: Literal["auto", "float32", "bfloat16"] = "float32",
    tta: int = 1,
    plugins_dir: Path | None = None,
) -> Predictor:
    """A predictor that is ready to use.

    Args:
        models: names as `hdf.models.weights.find_models` takes them; several models form an
            ensemble. By default the shipped model.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, …
        precision: bfloat16 is faster on some processors and changes boxes slightly.
        tta: number of views of each image that are averaged (test-time augmentation).
        plugins_dir: a folder of single-file plugins that the models need.

    Raises:
        UserError: there is no such model or device, or a model can't be loaded.
    """
    compute = choose_compute(device, precision)
    return Predictor(load_detectors(models or (DEFAULT,), discover(plugins_dir)), compute, tta)


def load_detectors(models: Sequence[str | Path], registry: Registry) -> list[Detector]:
    """The detectors of all named models, each once; a `UserError` where one can't be loaded."""
    found = {str(name): find_models(str(name)) for name in models}
    detectors = []
    for name, paths in found.items():
        calibration = crossval_calibration(name, paths)
        for path in paths:
            detector = load_model(path, registry)
            if calibration is not None:
                detector.spec = replace(detector.spec, calibration=calibration)
            detectors.append(detector)
    return detectors


def crossval_calibration(name: str, paths: Sequence[Path]) -> Calibration | None:
    """That of the cross-validation whose folds were found at `paths`; None for any other model."""
    measured = len(paths) > 1 and (Path(name) / CALIBRATION).is_file()
    return read_calibration(Path(name)) if measured else None


def read_calibration(folder: Path) -> Calibration:
    """The calibration in the folder of a finished cross-validation, or a `UserError`."""
    path = folder / CALIBRATION
    if not path.is_file():
        message = (
            f"holds no {CALIBRATION}; name the folder of a finished hdf crossval with enough boxes"
        )
        raise user_error(message, str(folder))
    try:
        return TypeAdapter(Calibration).validate_json(read_text(path))
    except ValidationError as error:
        raise user_error("is not a calibration that hdf wrote", str(path)) from error
