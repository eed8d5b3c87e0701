"""The novelty score: how far an image is from the training images in the backbone's features.

The features of an image are the mean and the standard deviation of each channel in the last three
maps, and the means of the last map's quadrants, which distinguish up from down. Their Mahalanobis
distance from the training images detects out-of-distribution images (K. Lee et al., A Simple
Unified Framework for Detecting Out-of-Distribution Samples and Adversarial Attacks, NeurIPS 2018).
There are more features than images, so the covariance is that of probabilistic principal component
analysis (M. Tipping and C. Bishop, Journal of the Royal Statistical Society B 61, 1999): principal
axes, and one variance for all other directions.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d

MAPS = 3
RANK = 48
"""The most principal axes; at most a quarter of the number of images and of features."""
SMALLEST_SCALE = 0.05
"""The least scale of a feature relative to the mean scale: dead channels vary by rounding only."""
FOLDS = 5
USUAL = 0.99
"""The share of training images within the distance whose score is 0.5…"""
MARGIN = 1.1
"""…times this factor: the backbone was trained on these images, but not on new ones."""
STEEPNESS = 8


def doubt_features(maps: Sequence[Tensor]) -> Tensor:
    """The features, float32 [B, P], of a backbone's maps [B, C, H, W] each."""
    chosen = [item.float() for item in maps[-MAPS:]]
    spread = [item.std((2, 3), correction=0) for item in chosen]
    quarters = adaptive_avg_pool2d(chosen[-1], 2).flatten(1)
    return torch.cat([*(item.mean((2, 3)) for item in chosen), *spread, quarters], 1)


class Doubt(nn.Module):
    """A score in [0, 1] by `rank` axes; most training images are below 0.5 by some margin."""

    mean: Tensor  # [P] of the scaled features
    scale: Tensor  # [P]
    axes: Tensor  # [rank, P]
    variances: Tensor  # [rank] along the axes
    rest: Tensor  # the variance in all other directions
    usual: Tensor  # the distance whose score is 0.5

    def __init__(self, channels: Sequence[int], rank: int) -> None:
        super().__init__()
        count = 2 * sum(channels[-MAPS:]) + 4 * channels[-1]
        self.register_buffer("mean", torch.zeros(count))
        self.register_buffer("scale", torch.ones(count))
        self.register_buffer("axes", torch.zeros(rank, count))
        self.register_buffer("variances", torch.ones(rank))
        self.register_buffer("rest", torch.ones(()))
        self.register_buffer("usual", torch.ones(()))

    def forward(self, maps: Sequence[Tensor]) -> Tensor:
        """Scores float32 [B] of feature maps [B, C, H, W]; 1 where a map is not finite."""
        distance = self.distance(doubt_features(maps) / self.scale)
        ratio = (distance / self.usual) ** STEEPNESS
        return (1 - 1 / (1 + ratio)).nan_to_num(nan=1.0)

    def distance(self, features: Tensor) -> Tensor:
        """The root mean square Mahalanobis distance per feature, [B], of scaled features [B, P]."""
        centred = features - self.mean
        along = centred @ self.axes.T
        beside = (centred.square().sum(1) - along.square().sum(1)).clamp(min=0)
        squares = (along.square() / self.variances).sum(1) + beside / self.rest
        return (squares / len(self.mean)).sqrt()


def fit_doubt(channels: Sequence[int], plain: Tensor, augmented: Sequence[Tensor] = ()) -> Doubt:
    """Fit the score to training images.

    The distance whose score is 0.5 is measured by cross-validation over five folds.

    Args:
        channels: of the backbone's maps.
        plain: `doubt_features` of the training images, float [N, P].
        augmented: those of augmented versions of the same images, which are not novel either.
    """
    passes = torch.stack([plain, *augmented]).double()  # [A, N, P]
    scale = passes.flatten(0, 1).std(0)
    scale = scale.clamp(min=max(SMALLEST_SCALE * float(scale.mean()), 1e-6))
    passes = passes / scale
    fold = torch.arange(len(plain), device=plain.device) % FOLDS
    distances = [
        _fitted(channels, passes[:, fold != i].flatten(0, 1)).distance(passes[0, fold == i])
        for i in range(FOLDS)
    ]
    doubt = _fitted(channels, passes.flatten(0, 1))
    doubt.scale = scale
    doubt.usual = MARGIN * torch.cat(distances).quantile(USUAL)
    return doubt.float()


def _fitted(channels: Sequence[int], features: Tensor) -> Doubt:
    """Fit to features float64 [N, P], from their N x N Gram matrix, smaller than the covariance."""
    count, size = features.shape
    mean = features.mean(0)
    centred = features - mean
    values, vectors = torch.linalg.eigh(centred @ centred.T)
    rank = min(RANK, count // 4, size // 4)
    values, vectors = values[-rank:].clamp(min=1e-9), vectors[:, -rank:]
    rest = (centred.square().sum() - values.sum()) / (count - 1) / (size - rank)
    doubt = Doubt(channels, rank)
    doubt.mean, doubt.axes = mean, (vectors / values.sqrt()).T @ centred
    doubt.variances, doubt.rest = values / (count - 1), rest.clamp(min=1e-9)
    return doubt
