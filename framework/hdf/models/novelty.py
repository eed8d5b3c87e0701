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
from typing import NamedTuple

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

    mean: Tensor
    scale: Tensor
    axes: Tensor
    variances: Tensor
    rest: Tensor
    usual: Tensor

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
        features = doubt_features(maps) / self.scale
        normal = _Normal(self.mean, self.axes, self.variances, self.rest)
        ratio = (normal.distance(features) / self.usual) ** STEEPNESS
        return (1 - 1 / (1 + ratio)).nan_to_num(nan=1.0)


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
        _fitted(passes[:, fold != number].flatten(0, 1)).distance(passes[0, fold == number])
        for number in range(FOLDS)
    ]
    normal = _fitted(passes.flatten(0, 1))
    doubt = Doubt(channels, len(normal.axes)).to(plain.device)
    doubt.scale.copy_(scale)
    doubt.usual.copy_(MARGIN * torch.cat(distances).quantile(USUAL))
    for name, value in normal._asdict().items():
        getattr(doubt, name).copy_(value)
    return doubt


class _Normal(NamedTuple):
    """A normal distribution: `mean` [P], `axes` [K, P], their `variances` [K], the `rest`'s."""

    mean: Tensor
    axes: Tensor
    variances: Tensor
    rest: Tensor

    def distance(self, features: Tensor) -> Tensor:
        """The root mean square Mahalanobis distance per feature, [B], of features [B, P]."""
        centred = features - self.mean
        along = centred @ self.axes.T
        beside = (centred.square().sum(1) - along.square().sum(1)).clamp(min=0)
        squares = (along.square() / self.variances).sum(1) + beside / self.rest
        return (squares / len(self.mean)).sqrt()


def _fitted(features: Tensor) -> _Normal:
    """Fit to features float64 [N, P], from their N x N Gram matrix, smaller than the covariance."""
    count, size = features.shape
    mean = features.mean(0)
    centred = features - mean
    values, vectors = torch.linalg.eigh(centred @ centred.T)
    rank = min(RANK, count // 4, size // 4)
    values, vectors = values[-rank:].clamp(min=1e-9), vectors[:, -rank:]
    rest = (centred.square().sum() - values.sum()) / (count - 1) / (size - rank)
    axes = (vectors / values.sqrt()).T @ centred
    return _Normal(mean, axes, values / (count - 1), rest.clamp(min=1e-9))
