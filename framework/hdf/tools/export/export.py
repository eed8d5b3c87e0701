"""From a model to a checked file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from torch import Tensor

from hdf.files.atomic import replacing
from hdf.models.detector import Detector
from hdf.runtime.device import choose_compute
from hdf.tools.export.check import Difference, check_answers
from hdf.tools.export.formats import FORMATS


def export_model(
    detector: Detector, path: Path, kind: str, images: Sequence[Tensor] | Iterator[Tensor]
) -> Difference:
    """Write a detector atomically, after checking the file.

    Args:
        kind: one of `FORMATS`.
        images: float32 [1, H, W] in [0, 1], of any sizes, for which the file must answer as
            PyTorch does.

    Raises:
        UserError: the detector can't be exported, or the file disagrees with PyTorch.
    """
    detector = detector.to(choose_compute("cpu", "float32").device).eval()
    with replacing(path) as temporary:
        FORMATS[kind].write(detector, temporary)
        return check_answers(detector, FORMATS[kind].read(temporary), images)
