"""Radiographs of phantoms, and the masks that an expert would draw on them.

The line integrals of the attenuation through soft tissue, air, bone and metal become grey values in
`film`.
"""

from __future__ import annotations

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from hdf.boxes import largest_component
from hdf_plugins.phantom.film import burn_marker, collimate, expose, smooth
from hdf_plugins.phantom.lungs import BOWEL, lung_density, texture
from hdf_plugins.phantom.patient import Examination, Thorax, make_phantom
from hdf_plugins.phantom.projection import Beam, Ellipsoids, fill, hull, path_scale, spans, union
from hdf_plugins.phantom.skeleton import TISSUE
from hdf_plugins.phantom.strokes import stroke

LABELS = ("heart", "left_lung", "right_lung")
DEEP = 22.0  # cm; at this depth the body is as thick as its ellipsoids


def render(
    seed: int, indices: Iterable[int], size: tuple[int, int] = (224, 224)
) -> tuple[Tensor, Tensor]:
    """Draw the phantoms with these indices of a series, as many at once as torch has threads.

    Images are float32 [B, 1, H, W] in [0, 1], bone bright, and masks bool [B, 3, H, W] in the order
    of `LABELS`.
    """

    def draw(index: int) -> tuple[Tensor, Tensor]:
        phantom = make_phantom(seed, index, size)
        return render_image(phantom), organ_masks(phantom.thorax, phantom.beam)

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

    Of several threads that render at once, the first lowers the process's count and the last
    restores it.
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


def attenuation(phantom: Examination, noise: torch.Generator) -> Tensor:
    """Line integrals of the attenuation coefficient along all rays, float32 [H, W]."""
    beam, thorax = phantom.beam, phantom.thorax
    scale = path_scale(beam)
    body = _body(beam, thorax)
    air = smooth(_lung_air(beam, thorax) * scale, phantom.exposure.motion / beam.spacing)
    soft = body - air * (1 - lung_density(phantom.lungs, beam, noise))
    soft -= _gas(beam, thorax) * scale
    _, v = beam.axes()
    below_domes = v[:, None] - float(thorax.domes.bounds()[0][1]) - 2.5
    soft += texture(noise, beam.size, BOWEL) * (phantom.bowel * torch.sigmoid(below_domes))
    vessels, strokes = torch.zeros(2, beam.size[0] + 2, beam.size[1] + 2)
    for part in phantom.vessels:
        stroke(vessels, beam, part, step=0.7)
    for part in phantom.others:
        stroke(strokes, beam, part)
    inside = (air / 3).clamp(max=1)
    soft += vessels[1:-1, 1:-1] * inside
    soft += strokes[1:-1, 1:-1] * body.clamp(max=1)
    return soft.clamp(min=0) * TISSUE


def _body(beam: Beam, thorax: Thorax) -> Tensor:
    """Thickness of the patient in cm, [H, W], computed at half the resolution."""
    half = beam.coarse(2)
    near, far = hull(half, thorax.body)
    scale = path_scale(half)
    # People are flatter than ellipsoids: steep at the sides, level in the middle.
    thickness = DEEP * (_length(near, far) * scale / DEEP) ** 0.45
    first, last = hull(half, thorax.breasts)
    inside = _length(torch.maximum(first, near), torch.minimum(last, far))
    thickness += (_length(first, last) - inside) * scale * _fullness(half, thorax.breasts)
    thickness = smooth(thickness, 1.2 * min(beam.size) / 224)
    large = functional.interpolate(thickness[None, None], scale_factor=2, mode="bilinear")[0, 0]
    return large[: beam.size[0], : beam.size[1]]


def _fullness(beam: Beam, breasts: Ellipsoids) -> Tensor:
    """The share of the breasts' ellipsoids that is filled at each height, [H, 1].

    Breasts hang: the share rises from 0 at the upper edge to 1 a little below the middle.
    """
    low, high = (corner[1] for corner in breasts.bounds())
    _, v = beam.axes()
    share: Tensor = ((v[:, None] - low) / (0.6 * (high - low))).clamp(0, 1)
    return share**2


def _lung_air(beam: Beam, thorax: Thorax) -> Tensor:
    """Length of each ray in the air of the lungs, in units of t."""
    enter, leave = hull(beam, union(thorax.heart, thorax.vessels, thorax.domes, thorax.effusions))
    back = hull(beam, union(thorax.aorta, thorax.paraspinal))
    length = torch.zeros(beam.size)
    for lung in (thorax.right_lung, thorax.left_lung):
        near, far = hull(beam, lung)
        # A ray that misses all obstacles enters them at FAR and leaves them at -FAR: then the first
        # remainder is the whole lung, and the second must not count.
        length += _remainder(near, torch.minimum(enter, far), back)
        length += _remainder(torch.maximum(leave, near), far, back) * (leave > enter)
    return length


def _remainder(start: Tensor, stop: Tensor, without: tuple[Tensor, Tensor]) -> Tensor:
    """Length of the interval from `start` to `stop` outside the interval `without`."""
    shared = _length(torch.maximum(start, without[0]), torch.minimum(stop, without[1]))
    return (_length(start, stop) - shared).clamp(min=0)


def _length(start: Tensor, stop: Tensor) -> Tensor:
    return (stop - start).clamp(min=0)


def _gas(beam: Beam, thorax: Thorax) -> Tensor:
    """Gas in the stomach, above its fluid level, and in the colon; in units of t."""
    bubble, bowel = (_length(*hull(beam, gas)) for gas in (thorax.stomach, thorax.bowel))
    low, high = (corner[1] for corner in thorax.stomach.bounds())
    _, v = beam.axes()
    return bubble * torch.sigmoid((low + 0.62 * (high - low) - v[:, None]) / 0.08) + bowel


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
    masks = map(torch.from_numpy, [heart, *(lung & ~hidden for lung in lungs)])
    return torch.stack([largest_component(mask) for mask in masks])
