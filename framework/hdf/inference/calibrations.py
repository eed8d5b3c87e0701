"""One calibration for detectors that answer together."""

from __future__ import annotations

from collections.abc import Sequence

from hdf.calibration import Calibration


def widest(calibrations: Sequence[Calibration | None]) -> Calibration | None:
    """At each level the largest quantile of all.

    The mean of several answers errs less than they do one by one, and its spread holds their
    differences as well, so that this rather promises too little.

    Returns:
        None where a detector has none, or where they were measured at other levels.
    """
    known = [item for item in calibrations if item is not None]
    if len(known) < len(calibrations) or len({item.levels for item in known}) != 1:
        return None
    labels = set.intersection(*(set(item.edges) for item in known))
    return Calibration(
        known[0].levels,
        {label: _largest([item.edges[label] for item in known]) for label in sorted(labels)},
        _largest([item.ratio for item in known]) if all(item.ratio for item in known) else (),
    )


def _largest(quantiles: Sequence[tuple[float, ...]]) -> tuple[float, ...]:
    return tuple(map(max, zip(*quantiles, strict=True)))
