"""The model file: a safetensors file whose metadata describes the detector.

What a stranger's file says of itself is checked before anything is built or allocated from it.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch
from pydantic import TypeAdapter
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from hdf import __version__
from hdf.errors import Problem, UserError, user_error
from hdf.files.atomic import replacing
from hdf.files.tensors import checksum, misfits
from hdf.models.build import build_detector
from hdf.models.calibration import Calibration
from hdf.models.detector import Detector, ModelSpec, without_weights
from hdf.recipe.check import Part, part_of
from hdf.registry.registry import Registry

FORMAT = 1
_SYSTEM_ERROR = re.compile(r"Os \{ code: (\d+)|os error (\d+)")
FOREIGN = "a safetensors file, but not a model that hdf wrote"
MISMATCH = "does not take the options that the model was built with"
ABOUT = "hdf"
"""The only key of the metadata: safetensors writes several in random order."""
CHECKSUM = "sha256"
"""The key inside the description; old files have no checksum."""
LARGEST_SIDE = 4096
MOST_AXES = 1000
RANDOM = (Tensor.normal_, Tensor.uniform_)


def describe(spec: ModelSpec) -> str:
    """The description of a detector, as JSON; `spec_of` reads it."""
    about = {"format": FORMAT, "hdf": __version__, **asdict(spec)}
    # The file holds the values themselves, so nothing is to be fetched when it is read.
    about["backbone"] = without_weights(spec.backbone)
    return json.dumps(about)


def spec_of(description: str, path: Path, foreign: str = FOREIGN) -> ModelSpec:
    """The spec in a description from the file `path`.

    Raises:
        UserError: a later version of hdf wrote the file, no detector can have this description, or,
            with the message `foreign`, it is not such a description.
    """
    try:
        about: dict[str, Any] = json.loads(description)
        if about["format"] != FORMAT:
            raise user_error(f"written by hdf {about['hdf']}, a later one", where=str(path))
        spec = TypeAdapter(ModelSpec).validate_json(description)
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise user_error(foreign, where=str(path)) from error
    if faults := list(_faults(spec)):
        raise UserError(Problem(str(path), f"not a model that hdf wrote: {it}") for it in faults)
    return spec


def _faults(spec: ModelSpec) -> Iterator[str]:
    for name, use in {"backbone": spec.backbone, "head": spec.head}.items():
        if not isinstance(use.get("use"), str):
            yield f"its {name} has no name"
    if spec.backbone != without_weights(spec.backbone):
        yield "its backbone needs weights from elsewhere"
    if not spec.labels or len(set(spec.labels)) < len(spec.labels):
        yield f"its labels {', '.join(spec.labels) or 'are missing'}; expected different names"
    if not 1 <= min(spec.image_size) <= max(spec.image_size) <= LARGEST_SIDE:
        yield f"its image size is {spec.image_size}; expected 1 to {LARGEST_SIDE} pixels"
    if spec.in_channels not in (1, 3):
        yield f"its images have {spec.in_channels} channels; expected 1 or 3"
    if not 0 <= spec.doubt <= MOST_AXES:
        yield f"its doubt has {spec.doubt} axes; expected 0 to {MOST_AXES}"
    for name, values in {"mean": spec.mean, "std": spec.std}.items():
        if len(values) not in (1, spec.in_channels) or not all(map(math.isfinite, values)):
            yield f"its {name} is {values}; expected a finite number, or one a channel"
    if not all(spec.std):
        yield "its std is 0"


def save_model(detector: Detector, path: Path) -> None:
    """Write a detector: weights, everything else that prediction needs, and a checksum of both."""
    # Copies: safetensors refuses weights that share memory.
    tensors = {
        name: value.cpu().clone(memory_format=torch.contiguous_format)
        for name, value in detector.state_dict().items()
    }
    _write(tensors, describe(detector.spec), path)


def save_calibration(source: Path, target: Path, calibration: Calibration) -> None:
    """Copy a model file, also onto itself, with another calibration; no plugin is needed.

    Raises:
        UserError: as `read_tensors`.
    """
    spec, tensors = read_tensors(source)
    _write(tensors, describe(replace(spec, calibration=calibration)), target)


def _write(tensors: Mapping[str, Tensor], description: str, path: Path) -> None:
    """Write a file with a checksum; `save_file` hides an OSError of the disk in its own error."""
    about = {**json.loads(description), CHECKSUM: checksum(tensors, description)}
    with replacing(path) as temporary:
        try:
            save_file(dict(tensors), temporary, metadata={ABOUT: json.dumps(about)})
        except SafetensorError as error:
            if found := _SYSTEM_ERROR.search(str(error)):
                code = int(found[1] or found[2])
                raise OSError(code, os.strerror(code), str(path)) from error
            raise


def read_spec(path: Path) -> ModelSpec:
    """The spec of a model file, without verifying the checksum.

    Raises:
        UserError: the file is missing, damaged, not a model of hdf, or of a later format.
    """
    with _opened(path) as file:
        return spec_of((file.metadata() or {}).get(ABOUT, ""), path)


def read_tensors(path: Path) -> tuple[ModelSpec, dict[str, Tensor]]:
    """The spec of a model file, and its tensors on the CPU.

    Raises:
        UserError: as for `read_spec`, or the checksum does not match.
    """
    with _opened(path) as file:
        description = (file.metadata() or {}).get(ABOUT, "")
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    spec, about = spec_of(description, path), json.loads(description)
    stated = about.pop(CHECKSUM, None)
    if stated is not None and stated != checksum(tensors, json.dumps(about)):
        message = "damaged: its checksum does not match; copy it again"
        raise user_error(message, where=str(path))
    return spec, tensors


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except (SafetensorError, OSError) as error:
        raise user_error(f"not a readable model file: {error}", where=str(path)) from error


def load_model(path: Path, registry: Registry) -> Detector:
    """A detector in evaluation mode, on the CPU.

    Raises:
        UserError: as for `read_tensors`, or a plugin is missing, or the weights do not fit.
    """
    spec, tensors = read_tensors(path)
    backbone = part_of(registry, "backbone", spec.backbone, str(path), MISMATCH)
    head = part_of(registry, "head", spec.head, str(path), MISMATCH)
    promised = promised_tensors(backbone, head, spec)
    if promised is not None:
        _refuse_misfits(promised, tensors, path)
    detector = build_detector(backbone, head, spec)
    _refuse_misfits(detector.state_dict(), tensors, path)
    detector.load_state_dict(tensors)
    return detector.eval()


def _refuse_misfits(expected: Mapping[str, Tensor], found: dict[str, Tensor], path: Path) -> None:
    if difference := misfits(expected, found):
        message = f"its weights do not fit its description: {difference}"
        raise user_error(message, where=str(path))


def promised_tensors(backbone: Part, head: Part, spec: ModelSpec) -> dict[str, Tensor] | None:
    """The tensors of a detector on the meta device: a file may describe one that fits no memory.

    There is None if the constructor of a plugin needs real values.
    """
    try:
        with torch.device("meta"), _Unfilled():
            return build_detector(backbone, head, spec).state_dict()
    except UserError:
        return None


class _Unfilled(TorchFunctionMode):
    """Skips random initialisation, for which the meta device would import PyTorch's compiler."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in RANDOM or getattr(func, "__module__", None) == nn.init.__name__:
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)
