"""Radiographs and masks of phantoms."""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import numpy as np
import torch
from torch import Tensor

from hdf_plugins.phantom.attenuation import attenuation
from hdf_plugins.phantom.film import expose
from hdf_plugins.phantom.markers import burn_marker, collimate
from hdf_plugins.phantom.patient import Phantom, make_phantom
from hdf_plugins.phantom.silhouettes import organ_masks


def render(
    seed: int, indices: Iterable[int], size: tuple[int, int] = (224, 224)
) -> tuple[Tensor, Tensor]:
    """Draw phantoms number `indices` of a series, as many at a time as torch has threads.

    Returns:
        images float32 [B, 1, H, W] in [0, 1], bone bright, and masks bool [B, 3, H, W] in the
        order of `silhouettes.LABELS`.
    """

    def draw(index: int) -> tuple[Tensor, Tensor]:
        phantom = make_phantom(seed, index, size)
        return render_image(phantom), organ_masks(phantom.view.thorax, phantom.view.beam)

    with ThreadPoolExecutor(torch.get_num_threads()) as pool:
        images, masks = zip(*pool.map(draw, indices), strict=True)
    return torch.stack(images), torch.stack(masks)


def render_image(phantom: Phantom) -> Tensor:
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
    """Many small steps: a second thread gives little, and on a busy machine takes a lot.

    The count belongs to the process, so among several threads that render at a time the first one
    lowers it and the last one restores it.
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
