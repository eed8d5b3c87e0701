"""The recipes that travel inside the package."""

from __future__ import annotations

from pathlib import Path

from hdf.errors import suggest, user_error
from hdf.files.atomic import is_file


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
        `recipe` where it is something else than a file, so that reading it says what.

    Raises:
        UserError: nothing of that name is there.
    """
    name = recipe.name.removesuffix(".yaml")
    packaged = recipes_folder() / f"{name}.yaml"
    if recipe.parent == Path() and not is_file(recipe) and is_file(packaged):
        return packaged
    if _is_missing(recipe):
        closest = suggest(name, (path.stem for path in packaged_recipes()))
        message = f"can't be read: no such file, and no packaged recipe is called so{closest}"
        raise user_error(message, str(recipe))
    return recipe


def _is_missing(path: Path) -> bool:
    try:
        path.stat()
    except FileNotFoundError:
        return True
    except (OSError, ValueError):  # too long a name, a loop: reading says so
        return False
    return False
