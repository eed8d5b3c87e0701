"""Reading a cross-validation's calibration, and merging those of an ensemble."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from hdf.errors import user_error
from hdf.models.calibration import Calibration
from hdf.recipe.load import read_text

Quantiles = TypeVar("Quantiles", bound=tuple[float, ...])
FILE = "calibration.json"


def read_calibration(folder: Path) -> Calibration:
    """The calibration in the folder of a finished cross-validation.

    Raises:
        UserError: there is none, or the file is damaged.
    """
    path = folder / FILE
    if not path.is_file():
        message = f"holds no {FILE}; name the folder of a finished hdf crossval with enough boxes"
        raise user_error(message, str(folder))
    try:
        return TypeAdapter(Calibration).validate_json(read_text(path))
    except ValidationError as error:
        raise user_error("is not a calibration that hdf wrote", str(path)) from error


def widest(calibrations: Sequence[Calibration | None]) -> Calibration | None:
    """The calibration of an ensemble: the largest quantile for each label and level.

    This is conservative: the mean of several answers has smaller errors than each of them, and its
    spread includes their differences.

    Returns:
        None if a detector has no calibration, or if levels, labels or kinds of spread differ.
    """
    known = [item for item in calibrations if item is not None]
    kinds = {(item.levels, *sorted(item.edges), *sorted(item.fallback_spread)) for item in known}
    if len(known) < len(calibrations) or len(kinds) != 1:
        return None
    return Calibration(
        known[0].levels,
        _largest([item.edges for item in known]),
        _maxima([item.ratio for item in known]) if all(item.ratio for item in known) else (),
        _largest([item.fallback_spread for item in known]),
    )


def _largest(values: Sequence[Mapping[str, Quantiles]]) -> dict[str, Quantiles]:
    return {label: _maxima([item[label] for item in values]) for label in values[0]}


def _maxima(values: Sequence[Quantiles]) -> Quantiles:
    return type(values[0])(map(max, zip(*values, strict=True)))
