"""Letting torch compile a detector."""

from __future__ import annotations

from textwrap import shorten

import torch

from hdf.errors import user_error
from hdf.models.detector import Detector
from hdf.runtime.device import Compute


def compile_detector(detector: Detector, batch_size: int, compute: Compute) -> None:
    """Replace a detector's forward pass by what `torch.compile` makes of it, and try it once.

    State, gradients and results stay the detector's own, results up to rounding.

    Args:
        detector: on `compute`'s device; it is left in evaluation mode.
        batch_size: of the images to come; other sizes are compiled when they come.

    Raises:
        UserError: it can't be compiled here, as without a C++ compiler on a processor.
    """
    detector.compile()
    images = torch.zeros(batch_size, 1, *detector.spec.image_size, device=compute.device)
    detector.eval()
    try:
        with torch.inference_mode(), compute.autocast():
            detector(images)
    except Exception as error:  # each stage of the compiler has errors of its own
        reason = shorten(str(error), 200, placeholder=" …") or type(error).__name__
        message = f"torch can't compile this model here: {reason}; leave out train.compile"
        raise user_error(message) from error
