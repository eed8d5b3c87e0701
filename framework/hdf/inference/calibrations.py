"""The calibration of a cross-validation, and one for detectors that answer together."""

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
    """What a finished cross-validation measured.

    Raises:
        UserError: it measured nothing, or the file is damaged.
    """
    path = folder / FILE
    if not path.is_file():
        message = (
            f"holds no {FILE}; it needs the folder of a finished hdf crossval that had boxes enough"
        )
        raise user_error(message, str(folder))
    try:
        return TypeAdapter(Calibration).validate_json(read_text(path))
    except ValidationError as error:
        raise user_error("is no calibration that hdf wrote", str(path)) from error


def widest(calibrations: Sequence[Calibration | None]) -> Calibration | None:
    """For each label, at each level, the largest quantile of all.

    The mean of several answers errs less than they do one by one, and its spread holds their
    differences as well, so that this rather promises too little.

    Returns:
        None where a detector has none, or where they were measured at other levels or with other
        kinds of spread.
    """
    known = [item for item in calibrations if item is not None]
    kinds = {(item.levels, *sorted(item.edges), *sorted(item.fallback_spread)) for item in known}
    if len(known) < len(calibrations) or len(kinds) != 1:
        return None
    return Calibration(
        known[0].levels,
        _largest([item.edges for item in known]),
        _each([item.ratio for item in known]) if all(item.ratio for item in known) else (),
        _largest([item.fallback_spread for item in known]),
    )


def _largest(values: Sequence[Mapping[str, Quantiles]]) -> dict[str, Quantiles]:
    return {label: _each([item[label] for item in values]) for label in values[0]}


def _each(values: Sequence[Quantiles]) -> Quantiles:
    return type(values[0])(map(max, zip(*values, strict=True)))
