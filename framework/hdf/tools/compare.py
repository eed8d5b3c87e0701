"""What differs between finished runs: boxes on the same images, recipes, and these images."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from hdf.data.dataset import list_samples
from hdf.errors import UserError, user_error
from hdf.evaluation.comparison import Comparison
from hdf.evaluation.labelled_folder import list_folder
from hdf.evaluation.metrics import Matches, mean_interval
from hdf.evaluation.ratio_metrics import ratios_of
from hdf.models.build import build_components
from hdf.recipe.check import check_recipe
from hdf.recipe.merge import ABSENT, differences, resolve
from hdf.registry.registry import Registry
from hdf.report import charts, page
from hdf.report.charts import Chart, Mark
from hdf.report.figures import spoken
from hdf.report.films import Film, colours_of, film_of, image_iou
from hdf.report.finished import OF_DATA, Finished, bare, read_finished
from hdf.types import Sample

METRICS = {"iou": "IoU", "edge_error_px": "edge error, px", "ratio_error": "ratio error"}
ABOUT = ("models", "images", "table", "device", "precision")
"""Keys of an evaluation's summary that stand for its recipe."""
TOLERANCE = 0.01
"""Pixels by which the rounding of a table may move a true box."""
MOST_FILMS = 18
"""Of all runs together, so that a page stays below 3 MB."""
MADE_BY = "hdf compare"
is_page = partial(page.is_page, made_by=MADE_BY)


@dataclass(frozen=True)
class Compared:
    """What differs between runs.

    Attributes:
        names: the folders', as short as they can be told apart.
        finished: the runs, the reference first.
        images: the ids of the images with true boxes that all runs have.
        labels: of these boxes.
        parts: for each run these boxes, in the same rows.
        left_out: how many more images each run has.
        moved: how many of the true boxes differ from the first run's.
        rows: what `_compared` yields.
        changed: positions of the images whose mean IoU differs, with that of each run; the most
            changed first.
        recipe: key paths whose values differ, with all values as JSON; for evaluations, the keys
            `ABOUT`. None if only some have a recipe.
    """

    names: list[str]
    finished: list[Finished]
    images: list[str]
    labels: list[str]
    parts: list[Comparison]
    left_out: list[int]
    moved: int
    rows: list[dict[str, Any]]
    changed: list[tuple[int, list[float]]]
    recipe: list[tuple[str, list[str]]] | None

    @property
    def boxes(self) -> int:
        """How many true boxes all runs have."""
        return len(self.parts[0].matches.label)


def compare_runs(folders: Sequence[Path]) -> Compared:
    """Compare finished runs with the first of them.

    True boxes are matched by image, label and their order from left to right.

    Raises:
        UserError: nothing has finished in a folder, or the runs have no true box in common, or only
            those of a single image.
    """
    finished = [read_finished(folder) for folder in folders]
    comparisons = [item.comparison for item in finished]
    rows = [_rows(item) for item in comparisons]
    common = [key for key in rows[0] if all(key in other for other in rows[1:])]
    images = list(dict.fromkeys(image for image, _, _ in common))
    if len(images) < 2:
        raise user_error(_too_few(comparisons, len(images)))
    position = {image: index for index, image in enumerate(images)}
    at = torch.tensor([position[image] for image, _, _ in common])
    parts = [
        _cut(item, images, at, torch.tensor([own[key] for key in common]))
        for item, own in zip(comparisons, rows, strict=True)
    ]
    moved = torch.stack([part.matches.true - parts[0].matches.true for part in parts])
    labels = list(dict.fromkeys(label for _, label, _ in common))
    return Compared(
        short_names(folders),
        finished,
        images,
        labels,
        parts,
        [len({image for image, _, _ in own}) - len(images) for own in rows],
        int((moved.abs() > TOLERANCE).any(-1).any(0).sum()),
        list(_compared(parts, labels)),
        _changed(parts),
        _recipes(finished),
    )


def short_names(folders: Sequence[Path]) -> list[str]:
    """The fewest last names of each path that differ; folders above may name people."""
    paths = [folder.absolute() for folder in folders]
    for count in range(1, max(len(path.parts) for path in paths) + 1):
        names = [str(Path(*path.parts[-count:])) for path in paths]
        if len(set(names)) == len(set(paths)):
            break
    return names


def _rows(comparison: Comparison) -> dict[tuple[str, str, int], int]:
    """The row of each true box, by image, label and number among the image's boxes of the label."""
    matches = comparison.matches
    seen: dict[tuple[str, str], int] = defaultdict(int)
    found = {}
    for row in matches.true[:, 0].argsort(stable=True).tolist():
        name = (comparison.images[int(matches.image[row])], matches.label[row])
        found[(*name, seen[name])] = row
        seen[name] += 1
    return dict(sorted(found.items()))


def _too_few(comparisons: Sequence[Comparison], images: int) -> str:
    if images:
        return "the runs have one validation image in common; an interval needs two"
    if not set.intersection(*(set(item.images) for item in comparisons)):
        return "the runs have no validation image in common; nothing can be compared"
    labels = "; ".join(", ".join(dict.fromkeys(item.matches.label)) for item in comparisons)
    return f"the runs have no true box in common; their labels are: {labels}"


def _cut(comparison: Comparison, images: list[str], at: Tensor, rows: Tensor) -> Comparison:
    sources = dict(zip(comparison.images, comparison.sources, strict=True))
    return Comparison(
        images,
        [sources[image] for image in images],
        replace(comparison.matches.part(rows), image=at),
        replace(comparison.constant.part(rows), image=at),
        comparison.found.part(rows[:0]),
    )


def _compared(parts: Sequence[Comparison], labels: Sequence[str]) -> Iterator[dict[str, Any]]:
    """The paired differences of each run after the first, for each label and metric.

    ``label`` is empty for all together, ``n`` counts boxes or images, ``difference`` is run minus
    reference, and ``difference_95`` its bootstrap interval over images.
    """
    first, *others = (part.matches for part in parts)
    for run, other in enumerate(others, 1):
        for label in ("", *labels) if len(labels) > 1 else ("",):
            one, two = (item.of_label(label) if label else item for item in (first, other))
            for metric in METRICS:
                (image, a), (_, b) = _values(one, metric), _values(two, metric)
                known = ~(a.isnan() | b.isnan())
                if known.any():
                    scores = _difference(image[known], a[known], b[known])
                    yield {"run": run, "label": label, "metric": metric, **scores}


def _values(matches: Matches, metric: str) -> tuple[Tensor, Tensor]:
    """The images, and the metric, float64 [n]; NaN where there is none."""
    if metric == "ratio_error":
        ratios = ratios_of(matches)
        return ratios.image, (ratios.found - ratios.true).abs()
    edges = matches.edge_error.double().abs().mean(-1)
    return matches.image, matches.iou.double() if metric == "iou" else edges


def _difference(image: Tensor, a: Tensor, b: Tensor) -> dict[str, Any]:
    return {
        "n": len(a),
        "reference": float(a.mean()),
        "value": float(b.mean()),
        "difference": float((b - a).mean()),
        "difference_95": mean_interval(b - a, image),
    }


def _changed(parts: Sequence[Comparison]) -> list[tuple[int, list[float]]]:
    scores = [image_iou(part) for part in parts]
    rows = [(index, [item[index] for item in scores]) for index in range(len(parts[0].images))]
    rows = [row for row in rows if len(set(row[1])) > 1]
    return sorted(rows, key=lambda row: -max(abs(score - row[1][0]) for score in row[1]))


def _recipes(finished: Sequence[Finished]) -> list[tuple[str, list[str]]] | None:
    if len({bool(item.recipe) for item in finished}) > 1:
        return None
    about = [item.recipe or {key: item.summary[key] for key in ABOUT} for item in finished]
    return list(differences(about))


def as_json(found: Compared) -> dict[str, Any]:
    """What ``--json`` prints."""
    return {
        "runs": [
            {"folder": str(item.path), "kind": item.kind, "name": item.name, "left_out": left_out}
            for item, left_out in zip(found.finished, found.left_out, strict=True)
        ],
        "images": len(found.images),
        "boxes": found.boxes,
        "labels": found.labels,
        "moved_true_boxes": found.moved,
        "differences": found.rows,
        "recipe": None if found.recipe is None else dict(found.recipe),
        "unchanged": len(found.images) - len(found.changed),
        "changed": [{"image": found.images[index], "iou": ious} for index, ious in found.changed],
    }


def find_samples(finished: Sequence[Finished], registry: Registry) -> dict[str, Sample]:
    """The images of the first run whose loader still finds its data; none if no loader does."""
    for item in finished:
        with suppress(UserError):
            return {sample.id: sample for sample in _samples(item, registry)}
    return {}


def _samples(finished: Finished, registry: Registry) -> list[Sample]:
    if finished.kind == "evaluation":
        images, table = (Path(finished.summary[key]) for key in ("images", "table"))
        return list_folder(registry, images, table)
    checked = check_recipe(resolve(finished.path / "resolved.yaml", ()), registry)
    return list_samples(checked, build_components(checked).loader)


def write_page(path: Path, found: Compared, samples: Mapping[str, Sample]) -> None:
    """Write the differences, and the images that changed most, as far as they are in `samples`.

    Raises:
        UserError: it can't be written.
    """
    page.write_page(
        path,
        "compare.html",
        MADE_BY,
        "hdf.tools",
        found=found,
        recipe=None if found.recipe is None else list(_bare(found.recipe)),
        metrics=METRICS,
        spoken=spoken,
        charts=list(_charts(found.rows)),
        films=list(_films(found, samples)),
        colours=[(spoken(name), *pair) for name, pair in colours_of(found.labels).items()],
    )


def _bare(differing: Sequence[tuple[str, list[str]]]) -> Iterator[tuple[str, list[str]]]:
    """Without folders, which may name people."""
    as_text = partial(json.dumps, ensure_ascii=False)
    for key, texts in differing:
        hidden = partial(bare, of_data=key.partition(".")[0] in OF_DATA)
        yield key, [text if text == ABSENT else as_text(hidden(json.loads(text))) for text in texts]


def _charts(rows: Sequence[dict[str, Any]]) -> Iterator[Chart]:
    """For each metric the differences with their intervals, beside a line at 0."""
    for metric, title in METRICS.items():
        own = [row for row in rows if row["metric"] == metric]
        if not own:
            continue
        names = [f"{spoken(row['label'] or 'all')} ({row['run'] + 1})" for row in own]
        ends = [end for row in own for end in row["difference_95"]]
        y = charts.row_axis(names)
        low, high = min(0, *ends), max(0, *ends)
        x = charts.axis(charts.BESIDE_ROWS, "difference from run 1", low, high)
        spans = [(row["difference"], row["difference_95"]) for row in own]
        marks = [
            Mark(charts.upright(x, y, 0), "constant", "line", "no difference"),
            *charts.intervals(x, y, spans, "run minus run 1"),
        ]
        alt = "; ".join(f"{n} {row['difference']:+.4f}" for n, row in zip(names, own, strict=True))
        yield Chart(title, f"{alt}.", x, y, marks)


def _films(found: Compared, samples: Mapping[str, Sample]) -> Iterator[tuple[str, list[Film]]]:
    """The images that changed most, one film for each run."""
    there = [index for index, _ in found.changed if found.images[index] in samples]
    for index in there[: max(1, MOST_FILMS // len(found.parts))]:
        name, films = found.images[index], []
        for run, part in enumerate(found.parts, 1):
            films.append(replace(film_of(part, samples, index), name=f"{name}, run {run}"))
        yield name, films
