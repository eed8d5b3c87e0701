"""One calibration for detectors that answer together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeVar

from hdf.calibration import Calibration

Quantiles = TypeVar("Quantiles", bound=tuple[float, ...])


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
