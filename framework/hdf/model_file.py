"""The model file: one safetensors whose metadata says how to build and feed the detector."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from hdf import __version__
from hdf.calibration import Calibration
from hdf.detector import Detector, ModelSpec
from hdf.errors import user_error
from hdf.files import replacing
from hdf.recipe.build import build_detector
from hdf.recipe.check import part_of
from hdf.registry import Registry

FORMAT = 1
_SYSTEM_ERROR = re.compile(r"Os \{ code: (\d+)|os error (\d+)")
MISMATCH = "does not take the options that the model was built with"


def describe(spec: ModelSpec) -> str:
    """What a file says of the detector in it, as JSON; `spec_of` reads it."""
    about = {"format": FORMAT, "hdf": __version__, **asdict(spec)}
    # The file holds the values themselves, so nothing is to be fetched when it is read.
    about["backbone"] = {
        key: "none" if key == "weights" else value for key, value in about["backbone"].items()
    }
    return json.dumps(about)


def spec_of(description: str, path: Path) -> ModelSpec:
    """What `describe` said in the file `path`.

    Raises:
        UserError: the file was written by a later version of hdf.
        KeyError, TypeError, ValueError: this is no such description.
    """
    about: dict[str, Any] = json.loads(description)
    if about["format"] != FORMAT:
        raise user_error(f"written by hdf {about['hdf']}, a later one", where=str(path))
    return TypeAdapter(ModelSpec).validate_json(description)


def save_model(detector: Detector, path: Path) -> None:
    """Write a detector, weights and all that prediction needs."""
    # A copy each: safetensors refuses weights that share memory.
    tensors = {
        name: value.clone(memory_format=torch.contiguous_format)
        for name, value in detector.state_dict().items()
    }
    _write(tensors, path, describe(detector.spec))


def _write(tensors: dict[str, Tensor], path: Path, description: str) -> None:
    """As `save_file`, which hides the disk's errors in its own.

    Raises:
        OSError: the file can't be written.
    """
    with replacing(path) as temporary:
        try:
            save_file(tensors, temporary, metadata={"hdf": description})
        except SafetensorError as error:
            if found := _SYSTEM_ERROR.search(str(error)):
                code = int(found[1] or found[2])
                raise OSError(code, os.strerror(code), str(path)) from error
            raise


def save_calibration(source: Path, target: Path, calibration: Calibration) -> None:
    """Copy a model file, with a calibration instead of its own, if any; no plugin is needed.

    Args:
        target: may be `source`.

    Raises:
        UserError: as `read_spec`.
    """
    read_spec(source)
    with safe_open(source, framework="pt") as file:
        about = json.loads(file.metadata()["hdf"])
    about["calibration"] = asdict(calibration)
    tensors = load_file(source)
    _write(tensors, target, json.dumps(about))


def read_spec(path: Path) -> ModelSpec:
    """What a model file says of itself.

    Raises:
        UserError: the file is missing, damaged, no model of hdf's, or of a later format.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
        return spec_of(metadata["hdf"], path)
    except (SafetensorError, OSError) as error:
        raise user_error(f"no readable model file: {error}", where=str(path)) from error
    except (KeyError, TypeError, ValueError) as error:
        message = "a safetensors file, but no model that hdf wrote"
        raise user_error(message, where=str(path)) from error


def load_model(path: Path, registry: Registry) -> Detector:
    """A detector in evaluation mode, on the CPU.

    Raises:
        UserError: as `read_spec`, or a plugin is missing, or the weights do not fit.
    """
    spec = read_spec(path)
    backbone = part_of(registry, "backbone", spec.backbone, str(path), MISMATCH)
    head = part_of(registry, "head", spec.head, str(path), MISMATCH)
    detector = build_detector(backbone, head, spec)
    try:
        detector.load_state_dict(load_file(path))
    except RuntimeError as error:
        reason = str(error).splitlines()[-1].strip()
        raise user_error(f"its weights do not fit its description: {reason}", str(path)) from error
    return detector.eval()
