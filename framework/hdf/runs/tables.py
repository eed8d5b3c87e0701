"""The CSV files of a run folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hdf.data.split import Split
from hdf.files.atomic import write_table
from hdf.types import Sample


def write_split(path: Path, samples: Sequence[Sample], split: Split) -> None:
    """One row a sample: ``image,group,source,split``."""
    sides = split.sides(len(samples))
    rows = [
        (sample.id, sample.group, sample.source, side)
        for sample, side in zip(samples, sides, strict=True)
    ]
    write_table(path, ("image", "group", "source", "split"), rows)


def write_skipped(path: Path, skipped: Sequence[tuple[str, str]]) -> None:
    """One row a sample that was left out: ``image,reason``."""
    write_table(path, ("image", "reason"), skipped)
