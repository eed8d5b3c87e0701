from itertools import pairwise

from torch import Tensor, nn


class OldBackboneBackbone(nn.Module):
    """Three convolutions that halve the image: maps at strides 4 and 8.

    Args:
        in_channels: channels of the images.
        width: channels of the first convolution.
    """

    strides = (4, 8)

    def __init__(self, in_channels: int = 1, *, width: int = 16) -> None:
        super().__init__()
        sizes = (in_channels, width, 2 * width, 4 * width)
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.Conv2d(before, after, 3, stride=2, padding=1), nn.ReLU())
            for before, after in pairwise(sizes)
        )
        self.channels = sizes[2:]

    def forward(self, images: Tensor) -> list[Tensor]:
        maps = [images]
        for block in self.blocks:
            maps.append(block(maps[-1]))
        return maps[2:]
