"""Several sources as one data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hdf import Fault, Sample, UserError
from hdf.errors import user_error
from hdf.types import Loader


class Concat:
    """The samples of several loaders, one after the other.

    The name of each source, such as ``rsna``, becomes its samples' source and the start of their
    ids, as in ``rsna/0004cfab``. Images of one patient stay on one side of a split even if they are
    in two sources, if both know the patient; otherwise each image counts as a patient of its own.

    Args:
        sources: each name with a loader and its options, as in
            ``{rsna: {use: csv_boxes, …}, ward: {use: coco, …}}``; a name holds no slash.

    Raises:
        ValueError: there is no source, or a name can't be one.
    """

    def __init__(self, *, sources: Mapping[str, Loader]) -> None:
        if not sources:
            raise ValueError("concat: sources must name at least one loader")
        for name in sources:
            if not name or "/" in name or not name.isprintable() or name != name.strip():
                raise ValueError(f"concat: {name!r} can't be a source's name")
        self.sources = sources

    def records(self) -> list[Sample]:
        """All samples, in the order of the sources; the problems of all sources at once."""
        samples: list[Sample] = []
        errors: list[UserError] = []
        for name, loader in self.sources.items():
            try:
                samples += (_named(name, sample) for sample in _listed(name, loader))
            except UserError as error:
                errors.append(error)
        if errors:
            raise UserError.joined(errors)
        return samples


def _listed(name: str, loader: Loader) -> list[Sample]:
    samples = loader.records()
    if not isinstance(samples, list) or not all(isinstance(item, Sample) for item in samples):
        raise user_error(f"the source {name!r}: records must give a list of hdf.Sample")
    if not samples:
        raise user_error(f"the source {name!r} has no images")
    return samples


def _named(name: str, sample: Sample) -> Sample:
    known = sample.group != sample.id
    id = f"{name}/{sample.id}"
    return replace(
        sample,
        id=id,
        source=name,
        group=sample.group if known else id,
        where=f"{name}: {sample.where}" if sample.where else "",
        faults=tuple(Fault.at(name, fault) for fault in sample.faults),
    )
