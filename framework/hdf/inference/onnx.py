"""Prediction by ONNX Runtime with files that `hdf export` wrote."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from threading import Lock
from typing import Any

import torch
from torch import Tensor

from hdf.errors import user_error
from hdf.inference.predictor import Prediction, common_labels, merge, widest
from hdf.inference.views import tta_views
from hdf.models.file import spec_of
from hdf.types import Detections

EXTRA = "pip install 'heart-detection-framework[onnx]'"


class OnnxModel:
    """An ``.onnx`` file, with the `spec` of its detector; safe to call from several threads.

    A `UserError` tells that ONNX Runtime is missing, or that `hdf export` did not write the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = Lock()
        self._sessions: dict[int, Any] = {}  # by threads, whose number is fixed in each
        session = self._session()
        self._names = [output.name for output in session.get_outputs()]
        description = session.get_modelmeta().custom_metadata_map.get("hdf", "")
        self.spec = spec_of(description, path, "an ONNX file, but not one that hdf export wrote")

    def __call__(self, image: Tensor) -> dict[str, Tensor]:
        """The graph's outputs by name, for an image float32 [1, H, W] in [0, 1] on the CPU.

        It uses as many threads as torch does in the calling thread.
        """
        values = self._session().run(None, {"image": image[None].numpy()})
        return dict(zip(self._names, map(torch.from_numpy, values), strict=True))

    def _session(self) -> Any:
        threads = torch.get_num_threads()
        with self._lock:
            if threads not in self._sessions:
                self._sessions[threads] = _open(self.path, threads)
            return self._sessions[threads]


class OnnxPredictor:
    """A `hdf.inference.Predictor` that uses ONNX Runtime instead of PyTorch."""

    def __init__(self, models: Sequence[OnnxModel], tta: int = 1) -> None:
        self.models = list(models)
        self.views = tta_views(tta)
        self.labels = common_labels([model.spec for model in models])
        self.calibration = widest([model.spec.calibration for model in models])

    def predict(self, images: Sequence[Tensor]) -> list[Prediction]:
        """As `hdf.inference.Predictor.predict`."""
        return [merge(list(self._answers(image)), image.shape) for image in images]

    def _answers(self, image: Tensor) -> Iterator[Prediction]:
        if len(self.models) == len(self.views) == 1:
            yield answer_of(self.models[0](image), self.labels)
            return
        for model, view in product(self.models, self.views):
            # At the network's size, where the graph neither resizes the image nor clips boxes
            # before the mean is taken.
            seen = view.apply(image, model.spec.image_size, model.spec.resize)
            answer = answer_of(model(seen.image), self.labels)
            yield replace(answer, detections=seen.to_original(answer.detections))


def answer_of(outputs: dict[str, Tensor], labels: tuple[str, ...]) -> Prediction:
    """A graph's outputs for one image as an answer."""
    spread, doubt = outputs.get("spread"), outputs.get("doubt")
    found = Detections.one_a_label(
        outputs["boxes"][0], outputs["scores"][0], None if spread is None else spread[0]
    )
    return Prediction(found, math.nan if doubt is None else float(doubt), labels)


def _open(path: Path, threads: int) -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise user_error(f"ONNX Runtime is not installed: {EXTRA}") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3  # its warnings are for those who build graphs
    # Spinning threads would take the cores from all other computation.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # ONNX Runtime raises a class of its own for each reason
        reason = " ".join(str(error).split())
        raise user_error(f"not a readable ONNX file: {reason}", str(path)) from error
