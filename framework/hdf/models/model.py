"""The detector that a recipe describes."""

from __future__ import annotations

from hdf.models.build import new_detector
from hdf.models.detector import Detector, ModelSpec
from hdf.models.seeds import seed_weights
from hdf.recipe.check import CheckedRecipe


def build_model(checked: CheckedRecipe) -> Detector:
    """The detector, with initial weights that the recipe's seed determines.

    Raises:
        UserError: a component can't be built.
    """
    plain, data = checked.resolved()["model"], checked.recipe.data
    spec = ModelSpec(
        plain["backbone"],
        plain["head"],
        checked.recipe.model.normalize,
        data.labels,
        data.image_size,
        data.resize,
    )
    seed_weights(checked.recipe.seed)
    parts = checked.parts
    return new_detector(parts["model", "backbone"], parts["model", "head"], spec)
