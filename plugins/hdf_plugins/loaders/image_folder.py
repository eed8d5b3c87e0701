"""A folder of radiographs without boxes."""

from __future__ import annotations

from pathlib import Path

from hdf import Sample
from hdf_plugins.loaders.folders import Folder


class ImageFolder:
    """Images without boxes, to predict on.

    Args:
        images: folder of image files, DICOMs without a suffix among them.
        recursive: whether to search its sub-folders too; an image's id is then its path below
            `images`, without the suffix.
    """

    def __init__(self, *, images: Path, recursive: bool = False) -> None:
        self.images = Path(images)
        self.recursive = recursive

    def records(self) -> list[Sample]:
        """One sample for each image, in the order of their ids."""
        folder = Folder(self.images)
        hint = "" if self.recursive else "; `recursive: true` searches its sub-folders"
        folder.refuse_empty(self.recursive, hint)
        folder.tell_passed_over(self.recursive)
        found = folder.images(self.recursive)
        return [_sample(folder, id, found[id]) for id in sorted(found)]


def _sample(folder: Folder, id: str, paths: list[Path]) -> Sample:
    if len(paths) > 1:
        names = ", ".join(path.name for path in paths)
        return Sample.broken(id, f"{folder.name}: {names} have one stem; keep one of them")
    return folder.sample(id, paths[0], str(paths[0]))
