"""A folder of radiographs without boxes."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from hdf import Sample
from hdf.errors import user_error
from hdf.images import SUFFIXES, is_image
from hdf_plugins.loaders.folders import image_sample, require_folder, stem_of


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
        self.source = self.images.absolute().name

    def records(self) -> list[Sample]:
        """One sample for each image, in the order of their ids.

        Raises:
            UserError: there is no such folder, or no image in it.
        """
        require_folder(self.images)
        found: dict[str, list[Path]] = defaultdict(list)
        for path in self._files():
            found[stem_of(path.relative_to(self.images).as_posix(), ())].append(path)
        if not found:
            hint = "" if self.recursive else "; `recursive: true` searches its sub-folders"
            message = f"the folder holds no {', '.join(SUFFIXES)} file{hint}"
            raise user_error(message, where=str(self.images))
        return [self._sample(name, found[name]) for name in sorted(found)]

    def _files(self) -> Iterator[Path]:
        for folder, inside, names in os.walk(self.images):
            # Hidden folders hold thumbnails and versions, not data.
            inside[:] = [name for name in inside if self.recursive and not name.startswith(".")]
            paths = (Path(folder, name) for name in sorted(names) if not name.startswith("."))
            yield from filter(is_image, paths)

    def _sample(self, name: str, paths: list[Path]) -> Sample:
        if len(paths) > 1:
            names = ", ".join(path.name for path in paths)
            return Sample.broken(name, f"{self.source}: {names} have one stem; keep one of them")
        return image_sample(name, paths[0], source=self.source, where=str(paths[0]))
