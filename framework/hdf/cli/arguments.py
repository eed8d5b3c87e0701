"""Arguments that several commands take, and what the shell offers for them.

Nothing here imports torch: a completion that takes seconds is none.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
from click import Context, Parameter
from click.shell_completion import CompletionItem, FishComplete, ZshComplete, add_completion_class

from hdf.errors import UserError
from hdf.registry.kinds import COMPONENTS, KINDS

if TYPE_CHECKING:
    from hdf.recipe.check import CheckedRecipe
    from hdf.registry.registry import Registry

Command = TypeVar("Command", bound=Callable[..., Any])
Complete = Callable[[Context, Parameter, str], list[CompletionItem]]
PATH = click.Path(path_type=Path)

plugins_dir_option = click.option(
    "--plugins-dir",
    type=PATH,
    metavar="DIR",
    help="Load the single-file plugins of this folder as well.",
)


def recipe_arguments(required: bool = True) -> Callable[[Command], Command]:
    """``RECIPE [key.path=value ...]``."""
    recipe = click.argument("recipe", type=PATH, required=required, shell_complete=complete_recipe)
    overrides = click.argument(
        "overrides", nargs=-1, metavar="[key.path=value ...]", shell_complete=complete_override
    )
    return lambda command: recipe(overrides(command))


def out_options(help: str) -> Callable[[Command], Command]:
    """``--out DIR``, with this help, and ``--overwrite``, for commands that fill a folder."""
    out = click.option("--out", type=PATH, metavar="DIR", help=help)
    overwrite = click.option("--overwrite", is_flag=True, help="Replace the contents of --out.")
    return lambda command: out(overwrite(command))


def predictor_options(precision: str) -> Callable[[Command], Command]:
    """How a predictor is loaded, with a default precision."""
    help = f"auto is bfloat16 where the processor or GPU computes in it; by default {precision}."
    kinds = click.Choice(["auto", "float32", "bfloat16"])
    views = click.option(
        "--tta", type=click.IntRange(1, 64), default=1, help="Average this many views."
    )
    device = click.option("--device", default="auto", help="auto (the default), cpu, cuda or mps.")
    precise = click.option("--precision", type=kinds, default=precision, help=help)
    return lambda command: views(device(precise(plugins_dir_option(command))))


def nproc_option(help: str) -> Callable[[Command], Command]:
    """``--nproc N``, 1 by default."""
    return click.option("--nproc", type=click.IntRange(1), default=1, metavar="N", help=help)


def is_one_of_many() -> bool:
    """Whether torchrun has started this process and others; asked before torch is imported."""
    return (os.environ.get("WORLD_SIZE") or "1") != "1"


def checked_recipe(
    recipe: Path, overrides: tuple[str, ...], plugins_dir: Path | None
) -> tuple[CheckedRecipe, Registry]:
    """The recipe of `recipe_arguments`, and what is installed; a `UserError` has all its errors."""
    from hdf.recipe.check import check_recipe
    from hdf.recipe.merge import resolve
    from hdf.registry.registry import discover

    source = resolve(recipe, overrides)  # errors in the YAML are reported before plugins load
    registry = discover(plugins_dir)
    return check_recipe(source, registry), registry


def _offering(names: Callable[[], Iterable[str]], files: bool = False) -> Complete:
    """Completes names, and perhaps paths of files, which bash does if nothing else matches."""

    def complete(context: Context, parameter: Parameter, incomplete: str) -> list[CompletionItem]:
        found = [CompletionItem(name) for name in names() if name.startswith(incomplete)]
        return [CompletionItem(incomplete, type="file"), *found] if files else found

    return complete


def _packaged() -> Iterator[str]:
    from hdf.recipe.load import packaged_recipes

    return (path.stem for path in packaged_recipes())


def _models() -> list[str]:
    """The shipped models, then the folders of runs below ``runs``, the newest first."""
    from hdf.models.weights import shipped_models

    folders = {path.parent for path in Path("runs").glob("*/*/best.safetensors")}
    folders |= {path.parents[1] for path in Path("runs").glob("*/*/fold-*/best.safetensors")}
    return [*shipped_models(), *sorted(map(str, folders), reverse=True)]


complete_recipe = _offering(_packaged, files=True)
complete_packaged = _offering(_packaged)
complete_kind = _offering(lambda: KINDS)
complete_model = _offering(_models, files=True)


@add_completion_class
class Zsh(ZshComplete):
    """Click's, without empty lines: its script drops them, and misreads all following lines."""

    def format_completion(self, item: CompletionItem) -> str:
        return super().format_completion(item).replace("\n\n", "\n_\n")


@add_completion_class
class Fish(FishComplete):
    """Click's, with complete descriptions: its script cuts them at a comma."""

    source_template = FishComplete.source_template.replace(
        'string split ","', 'string split --max 1 ","'
    )


def complete_component(context: Context, _: Parameter, incomplete: str) -> list[CompletionItem]:
    """The components of all kinds, or of ``--kind``."""
    return _components(context, context.params.get("kind"), incomplete)


def complete_override(context: Context, _: Parameter, incomplete: str) -> list[CompletionItem]:
    """The components after ``model.backbone.use=`` and similar keys.

    Bash splits words at ``=``: then the key, and perhaps the sign, are earlier arguments.
    """
    key, equals, value = incomplete.rpartition("=")
    written = f"{key}{equals}"
    if not equals:
        words = [word for word in context.params.get("overrides") or () if word != "="]
        key = words[-1] if words else ""
    *sections, last = key.split(".")
    kinds = [kind.name for kind in COMPONENTS if tuple(sections[: len(kind.path)]) == kind.path]
    return _components(context, kinds[0], value, written) if kinds and last == "use" else []


def _components(
    context: Context, kind: str | None, incomplete: str, before: str = ""
) -> list[CompletionItem]:
    from hdf.registry.registry import discover

    try:
        found = discover(context.params.get("plugins_dir")).components
    except UserError:  # the folder does not exist; the command will say so
        return []
    return [
        CompletionItem(f"{before}{item.name}", help=item.summary)
        for item in found
        if kind in (None, item.kind) and item.name.startswith(incomplete)
    ]
