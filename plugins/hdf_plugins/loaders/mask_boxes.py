"""A folder of radiographs with folders of masks; the boxes come from the masks."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from hdf import Sample, Target, UserError
from hdf.boxes import largest_component, mask_bounds
from hdf.errors import suggest, user_error
from hdf.images import read_mask
from hdf_plugins.loaders.folders import Folder, mask_folders, opened, read_masks

Masks = dict[str, dict[str, list[Path]]]
"""The masks of each image, by its id and by their label."""


class MaskBoxes:
    """Images, and masks of the same name; a box bounds a mask.

    A box bounds the largest part of its mask whose pixels share sides, so that specks elsewhere
    don't count. An image without a mask of one label, or with an empty one, lacks that label. Only
    masks of the recipe's ``data.labels`` are read, whenever the images are listed. Images of one
    patient stay on one side of a split. The image's DICOM header names the patient; without one
    each image counts as a patient of its own.

    Args:
        images: folder of image files; those in sub-folders count where a mask has their name.
        masks: folder with one sub-folder for each label, which holds masks named as the images,
            with any suffix; pixels other than zero are inside. If a mask has another size than its
            image, the boxes are rescaled; ``box_bounds: mask`` and heads that learn from masks
            refuse it.
        unlisted: what to do with an image that has no mask at all: report it, or leave it out.
    """

    def __init__(
        self,
        labels: tuple[str, ...],
        *,
        images: Path,
        masks: Path,
        unlisted: Literal["error", "ignore"] = "error",
    ) -> None:
        self.labels = labels
        self.images = Path(images)
        self.masks = Path(masks)
        self.unlisted = unlisted

    def records(self) -> list[Sample]:
        """One sample for each image and for each mask without one, in the order of their ids."""
        folder, masks = opened(self.images, self._masks)
        folder.tell_passed_over()
        others = folder.images().keys() if self.unlisted == "error" else set()
        with ThreadPoolExecutor() as pool:
            make = partial(self._sample, folder, masks)
            return list(pool.map(make, sorted(masks.keys() | others)))

    def _masks(self, images: Folder) -> Masks:
        labels = [label for label in self.labels if (self.masks / label).is_dir()]
        if not labels and self.masks.is_dir():
            there = [path.name for path in self.masks.iterdir() if path.is_dir()]
            hint = suggest(self.labels[0], there)
            message = f"no sub-folder for data.labels {', '.join(self.labels)}{hint}"
            raise user_error(message, where=str(self.masks))
        found: Masks = defaultdict(lambda: defaultdict(list))
        for label, folder in mask_folders(self.masks, labels).items():
            for stem, paths in folder.images().items():
                image = images.find(stem)
                found[images.id_of(image[0]) if image else stem][label] += paths
        return found

    def _sample(self, folder: Folder, masks: Masks, id: str) -> Sample:
        found, images = masks.get(id, {}), folder.find(id)
        faults = [
            f"{paths[0].parent}: {', '.join(path.name for path in paths)} have one stem; keep one"
            for paths in (images, *found.values())
            if len(paths) > 1
        ]
        if not images:
            masked = (paths[0] for paths in found.values())
            faults += (f"{path}: no image of this name in {self.images}" for path in masked)
        elif not found:
            faults.append(
                f"{folder.name}/{images[0].name}: no mask of any label in {self.masks}; add one, "
                "or set the loader's `unlisted: ignore` to leave out such images"
            )
        if faults:
            return Sample.broken(id, *faults)
        layers = {label: paths[0] for label, paths in found.items()}
        try:
            target = _target(layers)
        except UserError as error:
            return Sample.broken(id, *map(str, error.problems))
        where = ", ".join(map(str, layers.values()))
        kept = [layers[label] for label in target.labels]
        return folder.sample(id, images[0], where, target, masks=kept, read=_largest_parts)


def _target(masks: dict[str, Path]) -> Target:
    bounds: dict[str, Tensor] = {}
    frame: tuple[int, int] | None = None
    for label, path in masks.items():
        mask = read_mask(path)
        size = (mask.shape[0], mask.shape[1])
        frame = frame or size
        if size != frame:
            message = "the mask has {} x {} pixels; another of this image has {} x {}"
            raise user_error(message.format(*size, *frame), where=str(path))
        if mask.any():
            bounds[label] = mask_bounds(largest_component(mask))
    boxes = torch.stack(list(bounds.values())) if bounds else torch.zeros(0, 4)
    return Target(boxes, tuple(bounds), frame=frame)


def _largest_parts(image: Path, masks: Sequence[Path]) -> Tensor:
    return torch.stack([largest_component(mask) for mask in read_masks(image, masks)])
