"""Radiographs of phantoms, and the masks that an expert would draw on them."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hdf_plugins.phantom.anatomy import Thorax
from hdf_plugins.phantom.attenuation import attenuation
from hdf_plugins.phantom.beam import Beam
from hdf_plugins.phantom.film import burn_marker, collimate, expose
from hdf_plugins.phantom.patient import Examination, make_phantom
from hdf_plugins.phantom.solids import fill, spans, union

LABELS = ("heart", "left_lung", "right_lung")


def render(
    seed: int, indices: Iterable[int], size: tuple[int, int] = (224, 224)
) -> tuple[Tensor, Tensor]:
    """Draw the phantoms with these indices of a series, as many at once as torch has threads.

    Returns:
        images float32 [B, 1, H, W] in [0, 1], bone bright, and masks bool [B, 3, H, W] in the
        order of `LABELS`.
    """

    def draw(index: int) -> tuple[Tensor, Tensor]:
        phantom = make_phantom(seed, index, size)
        return render_image(phantom), organ_masks(phantom.placed.thorax, phantom.placed.beam)

    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        images, masks = zip(*pool.map(draw, indices), strict=True)
    return torch.stack(images), torch.stack(masks)


def render_image(phantom: Examination) -> Tensor:
    """The radiograph, float32 [1, H, W] in [0, 1], bone bright."""
    noise = torch.Generator().manual_seed(phantom.noise)
    with _ONE_THREAD, torch.inference_mode():
        exposed = expose(attenuation(phantom, noise), phantom.exposure, noise)
    image = exposed.clone()  # an ordinary tensor, which may take part in training
    marks = np.random.default_rng(phantom.noise)
    collimate(image, marks)
    burn_marker(image, marks)
    return image[None]


class _OneThread:
    """Limits torch to one thread: with steps this small, more help little and cost much under load.

    The thread count belongs to the process: of several threads that render at once, the first
    lowers it and the last restores it.
    """

    def __init__(self) -> None:
        self._lock, self._inside, self._before = Lock(), 0, 1

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._before = torch.get_num_threads()
            self._inside += 1
            torch.set_num_threads(1)

    def __exit__(self, *error: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                torch.set_num_threads(self._before)


_ONE_THREAD = _OneThread()


def organ_masks(thorax: Thorax, beam: Beam) -> Tensor:
    """Masks of `LABELS`, bool [3, H, W], one connected component each.

    The heart is the union of its chambers. A lung field is the lung's outline without the heart,
    the mediastinum, the domes of the diaphragm and pleural fluid.
    """
    groups = (thorax.heart, thorax.vessels, thorax.aorta, thorax.domes, thorax.effusions)
    hiding = sum(len(group) for group in groups)
    left, right = spans(beam, union(*groups, thorax.left_lung, thorax.right_lung))
    hidden = fill(left[:hiding], right[:hiding], beam.size)
    middle = hiding + len(thorax.left_lung)
    parts = (slice(len(thorax.heart)), slice(hiding, middle), slice(middle, None))
    heart, *lungs = (fill(left[part], right[part], beam.size) for part in parts)
    masks = [heart, *(lung & ~hidden for lung in lungs)]
    return torch.from_numpy(np.stack([largest_component(mask) for mask in masks]))


def largest_component(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest 4-connected component of a mask, bool [H, W]."""
    from scipy.ndimage import label  # an image alone needs no SciPy, which is slow to import

    rows, columns = (np.flatnonzero(mask.any(axis)) for axis in (1, 0))
    if not len(rows):
        return mask
    window = np.s_[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    numbers, count = label(mask[window])
    if count < 2:
        return mask
    largest = np.zeros_like(mask)
    largest[window] = numbers == np.bincount(numbers[numbers > 0]).argmax()
    return largest
