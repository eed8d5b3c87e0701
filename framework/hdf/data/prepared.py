"""A store whose images are on disk: what is there is kept, the rest is decoded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from hdf.data.decode import Placed, place, target_of
from hdf.data.folder import Entry, StoreFolder, fingerprint
from hdf.data.parallel import map_samples
from hdf.data.resize import Resize
from hdf.data.store import Progress, Skipped, Store, collect
from hdf.errors import UserError
from hdf.types import Geometry, Sample, Target


@dataclass(frozen=True)
class Stored:
    """An image that is in a folder.

    Attributes:
        target: the boxes in the pixels of the original image; wanted labels only.
    """

    entry: Entry
    target: Target

    @property
    def geometry(self) -> Geometry:
        return self.entry.geometry


def read_prepared(
    folder: StoreFolder,
    samples: Sequence[Sample],
    labels: tuple[str, ...],
    resize: Resize,
    progress: Progress = lambda done, total: None,
) -> tuple[Store | None, list[Skipped], int]:
    """Fill the folder with what it lacks, and open it.

    Boxes come from the samples each time, so that mending one decodes nothing. A bad image is tried
    again each time: a decoder that was missing may be there by now.

    Returns:
        The store, or None where no sample can be used; the samples that can't be used; and how
        many images were there already.

    Raises:
        UserError: the folder can't be written.
    """
    usable = (sample for sample in samples if not sample.faults)
    marks = {sample.id: mark for sample in usable if (mark := fingerprint(sample))}
    there = folder.entries(marks)
    reused = len(there)
    bad: dict[str, UserError] = {}
    if reused < len(samples):
        there = _fill(folder, samples, marks, resize, bad, progress)
    good: list[tuple[Sample, Stored]] = []
    for sample in (sample for sample in samples if sample.id in there):
        try:
            entry = there[sample.id]
            target, _ = target_of(sample, entry.geometry.original_size, labels)
            good.append((sample, Stored(entry, target)))
        except UserError as error:
            bad[sample.id] = error
    skipped = [(item.id, bad[item.id]) for item in samples if item.id in bad]
    if not good:
        return None, skipped, reused
    images = folder.open_images([item.entry for _, item in good])
    store = collect([sample for sample, _ in good], [item for _, item in good], images, labels)
    return store, skipped, reused


def _fill(
    folder: StoreFolder,
    samples: Sequence[Sample],
    marks: dict[str, str],
    resize: Resize,
    bad: dict[str, UserError],
    progress: Progress,
) -> dict[str, Entry]:
    read = partial(_attempt, size=folder.size, resize=resize)
    with folder.writing() as writer:
        there = folder.entries(marks)  # another process may have added some
        missing = [sample for sample in samples if sample.id not in there]
        results = map_samples(read, missing)
        for sample, result in zip(missing, results, strict=True):
            if isinstance(result, UserError):
                bad[sample.id] = result
            else:
                there[sample.id] = writer.add(sample, marks.get(sample.id, ""), result)
            progress(len(there) + len(bad), len(samples))
    return there


def _attempt(sample: Sample, size: tuple[int, int], resize: Resize) -> Placed | UserError:
    try:
        return place(sample, size, resize)
    except UserError as error:
        return error
