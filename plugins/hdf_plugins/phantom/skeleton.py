"""All bones of the thorax, as tubes along curves in the drawing's cm (see `anatomy`)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from hdf_plugins.phantom.ribs import make_ribs, make_sternum
from hdf_plugins.phantom.shoulders import make_clavicles, make_scapulae
from hdf_plugins.phantom.spine import make_spine
from hdf_plugins.phantom.strokes import Tubes

# Attenuation coefficients per cm of a beam of about 70 keV (NIST XCOM, rounded).
TISSUE, BONE = 0.19, 0.48


def make_skeleton(random: np.random.Generator) -> list[Tubes]:
    """The bones of one patient, more or less dense."""
    parts = [
        make_ribs(random),
        make_sternum(),
        make_clavicles(random),
        *make_spine(random),
        *make_scapulae(random),
    ]
    share = BONE / TISSUE * np.exp(random.normal(0.18, 0.25))
    return [replace(part, amount=part.amount * share) for part in parts]
