"""The recipes that travel inside the package."""

from __future__ import annotations

from pathlib import Path

from hdf.files import is_file


def recipes_folder() -> Path:
    """Where the packaged recipes are: inside an installed wheel, or at the top of a checkout."""
    here = Path(__file__)
    inside = here.parents[1] / "recipes"
    return inside if inside.is_dir() else here.parents[3] / "recipes"


def packaged_recipes() -> list[Path]:
    """The packaged recipes, sorted by name."""
    return sorted(recipes_folder().glob("*.yaml"))


def find_recipe(recipe: Path) -> Path:
    """The file itself, or the packaged recipe of that bare name (``vgg16_mse``).

    Returns:
        `recipe` where neither exists, so that reading it says so.
    """
    packaged = recipes_folder() / f"{recipe.name.removesuffix('.yaml')}.yaml"
    bare = recipe.parent == Path()
    return packaged if bare and not is_file(recipe) and is_file(packaged) else recipe
