"""A whole phantom: everything about one (seed, index) that its image needs."""

from __future__ import annotations

from dataclasses import dataclass

from hdf_plugins.phantom.devices import make_devices
from hdf_plugins.phantom.disease import Parenchyma, make_parenchyma
from hdf_plugins.phantom.film import Exposure, draw_exposure
from hdf_plugins.phantom.skeleton import make_skeleton
from hdf_plugins.phantom.strokes import Tubes
from hdf_plugins.phantom.vascular import make_airways, make_vessels
from hdf_plugins.phantom.view import View, make_view, stream


@dataclass(frozen=True)
class Phantom:
    """One patient before the detector, and how the image is taken."""

    view: View
    exposure: Exposure
    bones: list[Tubes]
    vessels: list[Tubes]
    airways: list[Tubes]
    devices: list[Tubes]
    lungs: Parenchyma
    bowel: float  # standard deviation of its content's thickness, cm
    noise: int


def make_phantom(seed: int, index: int, size: tuple[int, int]) -> Phantom:
    """The phantom number `index` of a series; nothing else of the series matters to it."""
    view = make_view(seed, index, size)
    inside, film = stream(seed, index, 1), stream(seed, index, 2)
    scale = view.thorax.scale
    return Phantom(
        view=view,
        exposure=draw_exposure(film, view.thorax.habitus),
        bones=[part.scaled(scale) for part in make_skeleton(inside)],
        vessels=[part.scaled(scale) for part in make_vessels(inside)],
        airways=[part.scaled(scale) for part in make_airways(inside)],
        devices=[part.scaled(scale) for part in make_devices(inside)],
        lungs=make_parenchyma(inside, scale),
        bowel=float(inside.uniform(0.2, 1.6)),
        noise=int(film.integers(2**62)),
    )
