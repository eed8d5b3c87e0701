import torch
from torch import Tensor, nn

import hdf
from hdf.boxes import clip, from_center_size


class OldHeadHead(nn.Module):
    """One linear layer that predicts one box for each label, as fractions of the image.

    Args:
        channels: of each feature map; the last map is used.
        labels: what to find.
        pool: the map is averaged to this many rows and columns.
    """

    def __init__(
        self, channels: tuple[int, ...], labels: tuple[str, ...], *, pool: int = 4
    ) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(pool)
        self.linear = nn.Linear(channels[-1] * pool * pool, 4 * len(labels))

    def forward(self, features: list[Tensor]) -> Tensor:
        return self.linear(self.pool(features[-1]).flatten(1)).unflatten(1, (-1, 4))

    def loss(self, raw: Tensor, batch: hdf.Batch) -> dict[str, Tensor]:
        height, width = batch.images.shape[-2:]
        boxes, present = batch.targets.one_per_label(raw.shape[1])
        true = boxes / boxes.new_tensor([width, height, width, height])
        error = (from_center_size(raw.sigmoid()) - true).abs().mean(-1)
        return {"l1": (error * present).sum() / present.sum().clamp(min=1)}

    def answers(self, raw: Tensor, size: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor | None]:
        height, width = size
        boxes = from_center_size(raw.sigmoid()) * raw.new_tensor([width, height, width, height])
        return clip(boxes, size), torch.ones_like(boxes[..., 0]), None

    def decode(self, raw: Tensor, size: tuple[int, int]) -> list[hdf.Detections]:
        boxes, scores, _ = self.answers(raw, size)
        found = zip(boxes, scores, strict=True)
        return [hdf.Detections.one_a_label(*one, None) for one in found]
