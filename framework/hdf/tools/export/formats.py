"""Writing the export formats, and recognising files that hdf exported."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from zipfile import BadZipFile, ZipFile

import torch
from torch import Tensor

from hdf.console import NOTICE
from hdf.errors import UserError, user_error
from hdf.inference.onnx import EXTRA, OnnxModel
from hdf.models.detector import Detector
from hdf.models.file import describe
from hdf.tools.export.graph import PredictionGraph

OPSET = 18
Answers = Callable[[Tensor], dict[str, Tensor]]
"""From an image float32 [1, H, W] to the outputs of `PredictionGraph`."""


class ExportFormat(NamedTuple):
    """A format of files.

    Attributes:
        write: writes a detector to a path; raises UserError if it can't be exported.
        read: loads such a file as a function.
        is_own: whether hdf exported a file.
    """

    write: Callable[[Detector, Path], None]
    read: Callable[[Path], Answers]
    is_own: Callable[[Path], bool]


def _write_onnx(detector: Detector, path: Path) -> None:
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise user_error(f"{error.name} is not installed: {EXTRA}") from error
    program = _program(detector)
    with _quietly(detector):
        names = list(program.module()(torch.zeros(1, 1, 64, 48)))
        written: Any = torch.onnx.export(
            program,
            dynamo=True,
            opset_version=OPSET,
            input_names=["image"],
            output_names=names,
            verbose=False,
        )
        written.model.metadata_props.update(_about(detector))
        written.model.doc_string = NOTICE
        written.save(path)


def _write_pt2(detector: Detector, path: Path) -> None:
    program, buffer = _program(detector), io.BytesIO()
    with _quietly(detector):
        torch.export.save(program, buffer, extra_files=_about(detector))
    path.write_bytes(buffer.getvalue())


def _program(detector: Detector) -> torch.export.ExportedProgram:
    graph = PredictionGraph(detector).eval()
    sides = {2: torch.export.Dim("height"), 3: torch.export.Dim("width")}
    with _quietly(detector), torch.no_grad():
        return torch.export.export(
            graph, (torch.zeros(1, 1, 61, 47),), dynamic_shapes={"image": sides}
        )


def _about(detector: Detector) -> dict[str, str]:
    return {"hdf": describe(detector.spec), "note": NOTICE}


@contextmanager
def _quietly(detector: Detector) -> Iterator[None]:
    """Silence the exporters' warnings, and report their errors with a reason."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except UserError:
        raise
    except Exception as error:  # torch.export may fail in any way on a plugin's code
        names = f"backbone {detector.spec.backbone['use']!r} or head {detector.spec.head['use']!r}"
        reason = next(iter(str(error).strip().splitlines()), "no message")
        message = f"torch can't export the {names}: {type(error).__name__}: {reason}"
        raise user_error(message) from error


def _read_pt2(path: Path) -> Answers:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module: Any = torch.export.load(io.BytesIO(path.read_bytes())).module()

    def answers(image: Tensor) -> dict[str, Tensor]:
        with torch.no_grad():
            found: dict[str, Tensor] = module(image[None])
        return found

    return answers


def _is_own_onnx(path: Path) -> bool:
    try:
        OnnxModel(path)
    except UserError:
        return False
    return True


def _is_own_pt2(path: Path) -> bool:
    try:
        with ZipFile(path) as file:
            return any(name.endswith("extra/hdf") for name in file.namelist())
    except (OSError, BadZipFile):
        return False


FORMATS = {
    "onnx": ExportFormat(_write_onnx, OnnxModel, _is_own_onnx),
    "pt2": ExportFormat(_write_pt2, _read_pt2, _is_own_pt2),
}
