"""Where a training step's time goes, and the start of a process.

Shares of a step's time, by PyTorch's profiler, for VGG16 at 224 px and for the
network and augmentation of the shipped model; then what `hdf predict` imports, by package.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from benchmarks.sides import ours

STEPS = int(os.environ.get("HDF_BENCHMARK_PROFILE_STEPS", "3"))
BATCH = int(os.environ.get("HDF_BENCHMARK_PROFILE_BATCH", "8"))
RECIPES = {
    "vgg16, 224 px": ("vgg16_mse", "data.image_size=[224, 224]", "data.loader.size=[224, 224]"),
    "heart-lungs, 160 px": ("phantom_heart_lungs",),
}
PACKAGES_SHOWN = 8


def rows() -> Iterator[tuple[str, str]]:
    """Per cent of a step and milliseconds an image; milliseconds of an import."""
    for name, (recipe, *overrides) in RECIPES.items():
        few = f"data.loader.count={2 * BATCH * (STEPS + 1)}"
        sizes = (few, "data.split={val: 0.5}", f"train.batch_size={BATCH}")
        found = ours("step_profile", recipe, *overrides, *sizes)
        whole = sum(found.values())
        yield f"{name}: a step, milliseconds an image", f"{whole:.2f}"
        for part, milliseconds in sorted(found.items(), key=lambda item: -item[1]):
            yield f"{name}: {part}", f"{milliseconds / whole:.1%}, {milliseconds:.2f} ms an image"
    yield from _imports(ours("imports"))


def _imports(milliseconds: dict[str, float]) -> Iterator[tuple[str, str]]:
    ranked = sorted(milliseconds.items(), key=lambda item: -item[1])
    yield "imports of hdf predict: all, milliseconds", f"{sum(milliseconds.values()):.0f}"
    for package, own in ranked[:PACKAGES_SHOWN]:
        yield f"imports of hdf predict: {package}, milliseconds", f"{own:.0f}"
    rest = sum(own for _, own in ranked[PACKAGES_SHOWN:])
    yield "imports of hdf predict: the rest, milliseconds", f"{rest:.0f}"
