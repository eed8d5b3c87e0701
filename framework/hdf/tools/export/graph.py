"""Prediction with one view as a single module, from the pixels of an image to boxes in them."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hdf.data.resize import resize_any
from hdf.errors import user_error
from hdf.models.detector import Detector, exportable


class PredictionGraph(nn.Module):
    """Resizing, normalisation, backbone, head, decoding, mapping back and doubt.

    Args:
        detector: in evaluation mode.

    Raises:
        UserError: its head has no method `answers`.
    """

    def __init__(self, detector: Detector) -> None:
        super().__init__()
        if exportable(detector.head) is None:
            name = detector.spec.head["use"]
            message = "it has no method answers(raw, size), which gives its boxes as tensors"
            raise user_error(f"head {name!r} can't be exported: {message}")
        self.detector = detector

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """What is found in one image.

        Args:
            image: float32 [1, 1, H, W] in [0, 1], bone bright, of any size.

        Returns:
            ``boxes`` float32 [1, L, 4] on pixel edges of that image and cut to it, NaN for a label
            that is not found; ``scores`` float32 [1, L]; ``spread`` float32 [1, L, 4], one standard
            deviation of each edge, if the head has one; ``doubt`` float32 [1], if the model has it.
        """
        spec, height, width = self.detector.spec, image.shape[2], image.shape[3]
        resized = resize_any(image, spec.image_size, spec.resize)
        maps = self.detector.features(resized.image)
        boxes, scores, spread = self.detector.answers(self.detector.run_head(maps))
        scale, offset = resized.scale.tile(2), resized.offset.tile(2)
        missing = boxes.isnan()  # which engines lose in a minimum
        limit = torch.stack([boxes.new_full((), side) for side in (width, height)]).tile(2)
        boxes = ((boxes - offset) / scale).clamp(min=0).minimum(limit)
        found = {"boxes": boxes.masked_fill(missing, torch.nan), "scores": scores}
        if spread is not None:
            found["spread"] = spread / scale
        if self.detector.doubt is not None:
            found["doubt"] = self.detector.doubt(maps)
        return found
