"""Loading a predictor by the names of models."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import TypeAdapter, ValidationError

from hdf.errors import user_error
from hdf.inference.onnx import OnnxModel
from hdf.inference.predictor import Predictor
from hdf.models.calibration import Calibration
from hdf.models.detector import Detector
from hdf.models.file import load_model
from hdf.models.weights import DEFAULT, find_models
from hdf.recipe.load import read_text
from hdf.registry.registry import Registry, discover
from hdf.runtime.device import choose_compute

CALIBRATION = "calibration.json"
Model = TypeVar("Model", Detector, OnnxModel)


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
    return load_each(models, lambda path: load_model(path, registry))


def load_each(models: Sequence[str | Path], load: Callable[[Path], Model]) -> list[Model]:
    """All named models, each once; the folds of a cross-validation get its calibration."""
    found = {str(name): find_models(str(name)) for name in models}
    loaded = []
    for name, paths in found.items():
        of_name = [load(path) for path in paths]
        if len(paths) > 1 and (Path(name) / CALIBRATION).is_file():
            calibration = read_calibration(Path(name))
            for model in of_name:
                model.spec = replace(model.spec, calibration=calibration)
        loaded += of_name
    return loaded


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
