"""A detector and the constant box on the same true boxes: all metrics of ``summary.json``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor

from hdf.evaluation.average_precision import PRECISIONS, Found, average_precision
from hdf.evaluation.metrics import Matches, box_metrics, iou_spread, mean_interval, of_name
from hdf.evaluation.ratio_metrics import ratio_metrics
from hdf.types import Detections, Sample


@dataclass(frozen=True)
class Comparison:
    """Every true box with the detector's box and the constant one, and every detection.

    Attributes:
        images: the id of each image.
        sources: the data set that each image came from.
        matches: the detector's, M true boxes; `Matches.image` is a position in `images`.
        constant: those of the mean training box, row by row for the same true boxes; nothing is
            found for a label without training boxes.
        found: all detections, also those without a true box.
    """

    images: list[str]
    sources: list[str]
    matches: Matches
    constant: Matches
    found: Found

    @classmethod
    def of(
        cls,
        samples: Sequence[Sample],
        matches: Matches,
        constant: Matches,
        detections: Sequence[Detections],
        labels: Sequence[str],
    ) -> Comparison:
        """The answers for `samples` beside the constant box's, in the same order."""
        ids, sources = [sample.id for sample in samples], [sample.source for sample in samples]
        return cls(ids, sources, matches, constant, Found.of(detections, labels))

    @classmethod
    def concatenate(cls, parts: Sequence[Comparison]) -> Comparison:
        """Comparisons of different images, one after the other."""
        counts = [len(part.images) for part in parts]
        return cls(
            [image for part in parts for image in part.images],
            [source for part in parts for source in part.sources],
            Matches.concatenate([part.matches for part in parts], counts),
            Matches.concatenate([part.constant for part in parts], counts),
            Found.concatenate([part.found for part in parts], counts),
        )

    def metrics(self, labels: Sequence[str]) -> dict[str, Any]:
        """The validation part of ``summary.json``, with parts where there is more than one.

        Args:
            labels: the recipe's ``data.labels``.
        """
        precision = self._precision()
        metrics = self._scores(precision)
        if len(labels) > 1:
            names = dict.fromkeys(self.matches.label)
            metrics["labels"] = {name: self.of_label(name)._scores(precision) for name in names}
        sources = dict.fromkeys(self.sources[index] for index in self.matches.image.tolist())
        if len(sources) > 1:
            parts = {name: self.of_source(name) for name in sources}
            metrics["sources"] = {n: part._scores(part._precision()) for n, part in parts.items()}
        return metrics

    def of_label(self, name: str) -> Comparison:
        """The true boxes and the detections of one label."""
        return self._part(of_name(self.matches.label, name), of_name(self.found.label, name))

    def of_source(self, name: str) -> Comparison:
        """The true boxes and the detections of one source's images."""
        here = of_name(self.sources, name)
        return self._part(here[self.matches.image], here[self.found.image])

    def _part(self, rows: Tensor, found: Tensor) -> Comparison:
        return Comparison(
            self.images,
            self.sources,
            self.matches.part(rows),
            self.constant.part(rows),
            self.found.part(found),
        )

    def _precision(self) -> dict[str, dict[str, float]]:
        return average_precision(self.images, self.matches, self.found)

    def _scores(self, precision: Mapping[str, Mapping[str, float]]) -> dict[str, Any]:
        """`box_metrics`, the constant box's, average precision and the cardiothoracic ratio.

        Args:
            precision: of each label.
        """
        constant = self.constant.iou.double()
        above = self.matches.iou.double() - constant
        labels = [precision[name] for name in dict.fromkeys(self.matches.label)]
        ratio = ratio_metrics(self.matches, self.constant)
        return {
            **box_metrics(self.matches),
            **{key: sum(item[key] for item in labels) / len(labels) for key in PRECISIONS},
            "constant_box_iou": float(constant.mean()),
            **{f"constant_box_{key}": x for key, x in iou_spread(self.constant).items()},
            "above_constant_box": float(above.mean()),
            "above_constant_box_95": mean_interval(above, self.matches.image),
            **({} if ratio is None else {"ratio": ratio}),
        }
