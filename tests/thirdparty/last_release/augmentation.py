import torch
from kornia.augmentation import IntensityAugmentationBase2D
from torch import Tensor


class OldAugmentationAugmentation(IntensityAugmentationBase2D):
    """Darken images towards their lower edge, each by a random part.

    Args:
        strength: the largest part of the lowest row that is taken away, 0 to 1.
        p: the share of images that is changed, 0 to 1.
    """

    def __init__(self, *, strength: float = 0.5, p: float = 0.5) -> None:
        if not 0 <= strength <= 1 or not 0 <= p <= 1:
            raise ValueError(f"strength and p are parts from 0 to 1, not {strength} and {p}")
        super().__init__(p=p)
        self.strength = strength

    def generate_parameters(self, batch_shape: tuple[int, ...]) -> dict[str, Tensor]:
        return {"part": self.strength * torch.rand(batch_shape[0])}  # hdf seeds torch

    def apply_transform(self, input, params, flags, transform=None) -> Tensor:
        depth = torch.linspace(0, 1, input.shape[-2], device=input.device)[:, None]
        return input * (1 - params["part"].to(input)[:, None, None, None] * depth)
