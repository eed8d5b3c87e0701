"""A predictor from the names of models."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from hdf.compute import choose_compute
from hdf.inference.predictor import Predictor
from hdf.model_file import load_model
from hdf.registry import discover
from hdf.weights import DEFAULT, find_models


def load_predictor(
    *models: str | Path,
    device: str = "auto",
    precision: Literal["auto", "float32", "bfloat16"] = "float32",
    tta: int = 1,
    plugins_dir: Path | None = None,
) -> Predictor:
    """A predictor, ready to answer.

    Args:
        models: names as `hdf.weights.find_models` takes them; several models answer together. The
            shipped default where none is given.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, …
        precision: bfloat16 is quicker on some processors and moves boxes a little.
        tta: how many views of each image are averaged.
        plugins_dir: a folder of single-file plugins that the models need.

    Raises:
        UserError: there is no such model or device, or a model can't be loaded.
    """
    compute = choose_compute(device, precision)
    paths = [path for name in models or (DEFAULT,) for path in find_models(str(name))]
    registry = discover(plugins_dir)
    return Predictor([load_model(path, registry) for path in paths], compute, tta)
