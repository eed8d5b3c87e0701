"""The loader of the embedded data set: synthetic chest radiographs with exact boxes and masks."""

from __future__ import annotations

from functools import partial

from torch import Tensor

from hdf.boxes import mask_bounds
from hdf.types import Sample, Target
from hdf_plugins.phantom.patient import make_phantom, place_patient
from hdf_plugins.phantom.radiograph import LABELS, organ_masks, render_image

SMALLEST = 32


class Phantom:
    """Phantoms number 0 to count - 1 of a series.

    A phantom depends on the seed and its own number alone, so a longer data set begins with the
    shorter one. Nothing is rendered before a sample is read; boxes are known without rendering.

    Args:
        count: how many patients, one image each; at least 1.
        seed: the series; at least 0.
        size: (height, width) in pixels; at least 32 each.

    Raises:
        ValueError: an option is out of its range.
    """

    def __init__(
        self, *, count: int = 300, seed: int = 0, size: tuple[int, int] = (224, 224)
    ) -> None:
        if count < 1:
            raise ValueError(f"phantom: count must be at least 1, not {count}")
        if seed < 0:
            raise ValueError(f"phantom: seed must be at least 0, not {seed}")
        if min(size) < SMALLEST:
            raise ValueError(
                f"phantom: size must be [height, width], at least {SMALLEST} pixels each, "
                f"not {list(size)}"
            )
        self.count, self.seed, self.size = count, seed, size

    def records(self) -> list[Sample]:
        """One sample a patient, with boxes and masks of heart, left lung and right lung."""
        return [self._record(index) for index in range(self.count)]

    def _record(self, index: int) -> Sample:
        masks = read_masks(self.seed, index, self.size)
        return Sample(
            id=f"phantom-{self.seed}-{index:05d}",
            read=partial(read_image, self.seed, index, self.size),
            target=Target(mask_bounds(masks), LABELS),
            source="phantom",
            read_masks=partial(read_masks, self.seed, index, self.size),
            reads_in="processes",
        )


def read_image(seed: int, index: int, size: tuple[int, int]) -> Tensor:
    """The radiograph of one phantom, float32 [1, H, W] in [0, 1], bone bright."""
    return render_image(make_phantom(seed, index, size))


def read_masks(seed: int, index: int, size: tuple[int, int]) -> Tensor:
    """Masks of heart, left lung and right lung, bool [3, H, W], without rendering."""
    return organ_masks(*place_patient(seed, index, size))
