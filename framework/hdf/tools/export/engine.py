"""A predictor that computes with ONNX Runtime, from the names of models."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from hdf import __version__
from hdf.files.atomic import cache_folder
from hdf.inference.load import crossval_calibration
from hdf.inference.onnx import OnnxModel, OnnxPredictor
from hdf.models.file import load_model
from hdf.models.weights import DEFAULT, find_models
from hdf.registry.registry import discover
from hdf.tools.export.check import export_model, painted_chests


def load_onnx_predictor(
    *models: str | Path,
    tta: int = 1,
    plugins_dir: Path | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> OnnxPredictor:
    """A predictor, ready to answer.

    Args:
        models: ``.onnx`` files that `hdf export` wrote, or what `hdf.inference.load_predictor`
            takes, which is exported into the cache folder on its first use.
        tta: how many views of each image are averaged.
        plugins_dir: a folder of single-file plugins that the models need.
        say: is called with a message when a model is exported.

    Raises:
        UserError: there is no such model, it can't be exported, or ONNX Runtime is not installed.
    """
    names = dict.fromkeys(map(str, models or (DEFAULT,)))
    loaded = [model for name in names for model in _loaded(name, plugins_dir, say)]
    return OnnxPredictor(loaded, tta)


def _loaded(name: str, plugins_dir: Path | None, say: Callable[[str], None]) -> Sequence[OnnxModel]:
    paths = find_models(name)
    found = [
        OnnxModel(path if path.suffix == ".onnx" else _exported(path, plugins_dir, say))
        for path in paths
    ]
    calibration = crossval_calibration(name, paths)
    if calibration is not None:
        for model in found:
            model.spec = replace(model.spec, calibration=calibration)
    return found


def _exported(path: Path, plugins_dir: Path | None, say: Callable[[str], None]) -> Path:
    """The exported model in the cache folder, by its content and the version of hdf."""
    content = hashlib.sha256(path.read_bytes() + __version__.encode()).hexdigest()[:24]
    cached = cache_folder() / "onnx" / f"{content}.onnx"
    if not cached.is_file():
        say(f"exporting {path} to {cached}, once")
        model = load_model(path, discover(plugins_dir))
        export_model(model, cached, "onnx", painted_chests())
    return cached
