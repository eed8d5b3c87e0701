"""A predictor from the names of models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from hdf.inference.calibrations import FILE, read_calibration
from hdf.inference.predictor import Predictor
from hdf.models.calibration import Calibration
from hdf.models.detector import Detector
from hdf.models.file import load_model
from hdf.models.weights import DEFAULT, find_models
from hdf.registry.registry import Registry, discover
from hdf.runtime.device import choose_compute


def load_predictor(
    *models: str | Path,
    device: str = "auto",
    precision: Literal["auto", "float32", "bfloat16"] = "float32",
    tta: int = 1,
    plugins_dir: Path | None = None,
) -> Predictor:
    """A predictor, ready to answer.

    Args:
        models: names as `hdf.models.weights.find_models` takes them; several models answer
            together. The shipped default where none is given.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, …
        precision: bfloat16 is quicker on some processors and moves boxes a little.
        tta: how many views of each image are averaged.
        plugins_dir: a folder of single-file plugins that the models need.

    Raises:
        UserError: there is no such model or device, or a model can't be loaded.
    """
    compute = choose_compute(device, precision)
    return Predictor(load_detectors(models or (DEFAULT,), discover(plugins_dir)), compute, tta)


def load_detectors(models: Sequence[str | Path], registry: Registry) -> list[Detector]:
    """The detectors of all models that are named; one that is named twice counts once.

    Raises:
        UserError: there is no such model, or it can't be loaded.
    """
    found = {str(name): find_models(str(name)) for name in models}
    return [
        detector for name, paths in found.items() for detector in _loaded(name, paths, registry)
    ]


def _loaded(name: str, paths: list[Path], registry: Registry) -> list[Detector]:
    """The detectors of one name; folds have the calibration of their cross-validation."""
    detectors = [load_model(path, registry) for path in paths]
    calibration = crossval_calibration(name, paths)
    if calibration is not None:
        for detector in detectors:
            detector.spec = replace(detector.spec, calibration=calibration)
    return detectors


def crossval_calibration(name: str, paths: Sequence[Path]) -> Calibration | None:
    """What counts for the folds of a cross-validation; None for one model, and where it has none.

    Args:
        name: the folder.
        paths: what `hdf.models.weights.find_models` found there.
    """
    measured = len(paths) > 1 and (Path(name) / FILE).is_file()
    return read_calibration(Path(name)) if measured else None
