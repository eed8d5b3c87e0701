"""Agreement of predicted with true boxes in the original images' pixels, and its intervals."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import accumulate, chain
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from hdf.boxes import iou
from hdf.types import Detections, Target

SHARES = {"iou_at_50": 0.5, "iou_at_75": 0.75, "iou_at_90": 0.9}
LOW = 0.02
"""The quantile that stands for the worst boxes."""


@dataclass(frozen=True)
class Columns:
    """A table: every field is a column, a tensor or a list, with one value a row."""

    def part(self, rows: Tensor) -> Self:
        """The rows where `rows`, bool [M], is set, or those at the positions int64 [K]."""
        chosen = rows.nonzero()[:, 0] if rows.dtype == torch.bool else rows
        places = chosen.tolist()
        columns = [getattr(self, field.name) for field in fields(self)]
        return type(self)(
            *(c[chosen] if isinstance(c, Tensor) else [c[row] for row in places] for c in columns)
        )

    @classmethod
    def concatenate(cls, parts: Sequence[Self], images: Iterable[int]) -> Self:
        """One after the other; the column `image` becomes a position among all parts' `images`."""
        found: list[Any] = []
        starts = list(accumulate(images, initial=0))
        for field in fields(cls):
            columns = [getattr(part, field.name) for part in parts]
            if field.name == "image":
                columns = [column + at for column, at in zip(columns, starts, strict=False)]
            tensors = isinstance(columns[0], Tensor)
            found.append(torch.cat(columns) if tensors else [*chain(*columns)])
        return cls(*found)


def of_name(names: Sequence[str], name: str) -> Tensor:
    """Where a column of names holds one of them, bool [M]."""
    return torch.tensor([item == name for item in names], dtype=torch.bool)


@dataclass(frozen=True)
class Matches(Columns):
    """Every true box and the best prediction of its label.

    Attributes:
        image: int64 [M], position of the image.
        label: M names.
        true: float32 [M, 4], the true boxes in pixels.
        iou: float32 [M] in [0, 1]; 0 where nothing was found.
        edge_error: float32 [M, 4], predicted minus true edge in pixels; NaN if nothing was found.
        spread: float32 [M, 4], one standard deviation of each predicted edge in pixels; NaN if
            nothing was found or the head has no spread.
    """

    image: Tensor
    label: list[str]
    true: Tensor
    iou: Tensor
    edge_error: Tensor
    spread: Tensor

    @property
    def box(self) -> Tensor:
        """The predicted boxes, float32 [M, 4]; NaN where nothing was found."""
        return self.true + self.edge_error

    @property
    def found(self) -> Tensor:
        """Whether something was found, bool [M]."""
        return ~self.edge_error.isnan().any(-1)

    def of_label(self, name: str) -> Matches:
        """The true boxes of one label."""
        return self.part(of_name(self.label, name))


def match(
    targets: Sequence[Target], detections: Sequence[Detections], labels: tuple[str, ...]
) -> Matches:
    """Pair each true box with the highest-scoring detection of its label in its image."""
    images: list[int] = []
    names: list[str] = []
    rows = [torch.zeros(0, 3, 4)]  # true box, predicted box, spread
    for index, (target, found) in enumerate(zip(targets, detections, strict=True)):
        for box, label in zip(target.boxes, target.labels, strict=True):
            answer = torch.full((2, 4), torch.nan)
            of_label = (found.labels == labels.index(label)).nonzero().flatten()
            if len(of_label):
                best = of_label[found.scores[of_label].argmax()]
                answer[0] = found.boxes[best]
                if found.spread is not None:
                    answer[1] = found.spread[best]
            images.append(index)
            names.append(label)
            rows.append(torch.cat([box[None], answer])[None])
    true, boxes, spread = torch.cat(rows).unbind(1)
    scores = iou(boxes, true).nan_to_num(0.0)
    return Matches(torch.tensor(images).long(), names, true, scores, boxes - true, spread)


def box_metrics(matches: Matches) -> dict[str, Any]:
    """The metrics of ``summary.json``, of at least one true box; docs/evaluation.md defines each.

    Intervals are bootstrapped over images. Errors are those of x0, y0, x1 and y1, None where no box
    was found at all.
    """
    scores, image = matches.iou.double(), matches.image
    error = matches.edge_error.double()
    side = (matches.true[:, 2:] - matches.true[:, :2]).double().tile(2)
    return {
        "iou_mean": float(scores.mean()),
        "iou_mean_95": mean_interval(scores, image),
        **iou_spread(matches),
        "interval_95": {
            "iou_median": quantile_interval(scores, image, 0.5),
            "iou_p2": quantile_interval(scores, image, LOW),
            **{key: mean_interval(scores >= share, image) for key, share in SHARES.items()},
        },
        "edge_error_px": _numbers(error.abs().nanmean(0)),
        "edge_bias_px": _numbers(error.nanmean(0)),
        "edge_error_percent": _numbers(100 * (error / side).abs().nanmean(0)),
    }


def iou_spread(matches: Matches) -> dict[str, float]:
    """``iou_median``, ``iou_p2`` and the shares, without intervals."""
    scores = matches.iou.double()
    return {
        "iou_median": float(scores.quantile(0.5)),
        "iou_p2": float(scores.quantile(LOW)),
        **{key: float((scores >= share).double().mean()) for key, share in SHARES.items()},
    }


def _numbers(edges: Tensor) -> list[float | None]:
    return [None if math.isnan(edge) else edge for edge in edges.tolist()]


RESAMPLES = 2000
CELLS = 4_000_000
"""Values that are held at a time."""

Floats = npt.NDArray[np.float64]


def mean_interval(values: Tensor, image: Tensor) -> list[float]:
    """The 95 % interval of the mean of `values`, with boxes of one image resampled together.

    Args:
        values: [M], one a true box; M >= 1.
        image: int64 [M], the image of each.
    """
    return _interval(lambda part: np.nanmean(part, axis=1), image, values)


def variation_interval(differences: Tensor, levels: Tensor, image: Tensor) -> list[float]:
    """The 95 % interval of the deviation of `differences` as a share of the mean of `levels`.

    Both are [M], M >= 2, each of another image; the means are above 0.
    """
    return _interval(
        lambda d, x: d.std(axis=1, ddof=1) / x.mean(axis=1), image, differences, levels
    )


def quantile_interval(values: Tensor, image: Tensor, quantile: float) -> list[float]:
    """The 95 % interval of a quantile, 0 to 1; else as `mean_interval`."""

    def statistic(part: Floats) -> Floats:  # ten times as fast as np.nanquantile on small data
        part.sort(axis=1)  # NaN goes to the end
        counts = (~np.isnan(part)).sum(axis=1)
        place = quantile * (counts - 1)
        low, high = np.floor(place).astype(int), np.ceil(place).astype(int)
        rows = np.arange(len(part))
        return np.asarray(part[rows, low] + (place - low) * (part[rows, high] - part[rows, low]))

    return _interval(statistic, image, values)


def _interval(statistic: Callable[..., Floats], image: Tensor, *columns: Tensor) -> list[float]:
    """The 95 % interval of what `statistic` gives for each row of the resampled columns."""
    parts = zip(*(_resampled(column, image) for column in columns), strict=True)
    found = np.concatenate([statistic(*part) for part in parts])
    low, high = np.percentile(found, [2.5, 97.5])
    return [float(low), float(high)]


def _resampled(values: Tensor, image: Tensor) -> Iterator[Floats]:
    """Resamples a row, [R, K], padded with NaN where images have different numbers of values.

    Draws depend on the number of images alone.
    """
    _, position, counts = np.unique(image.numpy(), return_inverse=True, return_counts=True)
    order = np.argsort(position, kind="stable")
    column = np.arange(len(order)) - np.repeat(np.cumsum(counts) - counts, counts)
    table = np.full((len(counts), int(counts.max())), np.nan)  # a row an image
    table[position[order], column] = values.to(torch.float64).numpy()[order]
    rng = np.random.default_rng(0)
    together = max(1, CELLS // table.size)
    for start in range(0, RESAMPLES, together):
        count = min(together, RESAMPLES - start)
        draw = rng.integers(len(table), size=(count, len(table)))
        yield table[draw].reshape(count, -1)
