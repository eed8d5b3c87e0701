"""A store whose images are on disk: what is there is kept, the rest is decoded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from hdf.data.decode import attempted, fault_of, place, target_of
from hdf.data.folder import Entry, StoreFolder, fingerprint
from hdf.data.resize import Resize
from hdf.data.store import Progress, Skipped, Store, collect
from hdf.errors import UserError
from hdf.runtime.workers import map_samples
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
    on_wait: Callable[[], None] = lambda: None,
) -> tuple[Store | None, list[Skipped], int]:
    """Fill the folder with what it lacks, and open it.

    Boxes come from the samples each time, so that mending one decodes nothing. A bad image is tried
    again each time: a decoder that was missing may be there by now.

    Args:
        on_wait: called where another process fills the folder, before it is waited for.

    Returns:
        The store, or None where no sample can be used; the samples that can't be used; and how
        many images were there already.

    Raises:
        UserError: the folder can't be written.
    """
    marks = {sample.id: fingerprint(sample) for sample in samples if not sample.faults}
    there = folder.entries(marks)
    reused = len(there)
    bad = {sample.id: fault for sample in samples if (fault := fault_of(sample))}
    if any(sample.id not in there and sample.id not in bad for sample in samples):
        _fill(folder, samples, marks, there, bad, resize, progress, on_wait)
    good: list[tuple[Sample, Stored]] = []
    for sample in (sample for sample in samples if sample.id in there):
        try:
            entry = there[sample.id]
            target = target_of(sample, entry.geometry.original_size, labels)
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
    there: dict[str, Entry],
    bad: dict[str, UserError],
    resize: Resize,
    progress: Progress,
    on_wait: Callable[[], None],
) -> None:
    """Add to `there` what it lacks, and to `bad` what can't be read."""
    read = partial(attempted, partial(place, size=folder.size, resize=resize))
    with folder.writing(on_wait) as writer:
        # Another process may have added some meanwhile.
        there |= folder.entries({id: mark for id, mark in marks.items() if id not in there})
        missing = [item for item in samples if item.id not in there and item.id not in bad]
        results = map_samples(read, missing)
        for sample, result in zip(missing, results, strict=True):
            if isinstance(result, UserError):
                bad[sample.id] = result
            else:
                there[sample.id] = writer.add(sample, marks[sample.id], result)
            progress(len(there) + len(bad), len(samples))
