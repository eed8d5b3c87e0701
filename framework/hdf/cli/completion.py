"""What the shell offers where a recipe, a component or a model is to be named.

Nothing here imports torch: an answer that takes seconds is none.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from click import Context, Parameter
from click.shell_completion import (
    CompletionItem,
    FishComplete,
    ZshComplete,
    add_completion_class,
)

from hdf.errors import UserError
from hdf.registry.kinds import COMPONENTS, KINDS


@add_completion_class
class Zsh(ZshComplete):
    """Click's, without empty lines: its script drops them, and then takes all that follow amiss."""

    def format_completion(self, item: CompletionItem) -> str:
        return super().format_completion(item).replace("\n\n", "\n_\n")


@add_completion_class
class Fish(FishComplete):
    """Click's, with descriptions whole: its script cuts them at a comma."""

    source_template = FishComplete.source_template.replace(
        'string split ","', 'string split --max 1 ","'
    )


def complete_recipe(
    context: Context, parameter: Parameter, incomplete: str
) -> list[CompletionItem]:
    """The packaged recipes, and files."""
    from hdf.recipe.packaged import packaged_recipes

    return [
        _a_file(incomplete),
        *_beginning(incomplete, (path.stem for path in packaged_recipes())),
    ]


def complete_packaged(
    context: Context, parameter: Parameter, incomplete: str
) -> list[CompletionItem]:
    """The packaged recipes alone."""
    return complete_recipe(context, parameter, incomplete)[1:]


def complete_kind(context: Context, parameter: Parameter, incomplete: str) -> list[CompletionItem]:
    """The five kinds of components."""
    return _beginning(incomplete, KINDS)


def complete_component(
    context: Context, parameter: Parameter, incomplete: str
) -> list[CompletionItem]:
    """The components of all kinds, or of ``--kind``."""
    return _components(context, context.params.get("kind"), incomplete)


def complete_override(
    context: Context, parameter: Parameter, incomplete: str
) -> list[CompletionItem]:
    """The components behind ``model.backbone.use=`` and its like.

    Bash splits a word at ``=``: then the key is the argument before, and so may the sign be.
    """
    key, equals, value = incomplete.rpartition("=")
    written = f"{key}{equals}"
    if not equals:
        *_, key = ("", *(word for word in context.params.get("overrides") or () if word != "="))
    kind = _kind_of(key)
    return _components(context, kind, value, written) if kind else []


def complete_model(context: Context, parameter: Parameter, incomplete: str) -> list[CompletionItem]:
    """The shipped models, the folders of runs below ``runs``, and files."""
    from hdf.models.weights import shipped_models

    folders = {path.parent for path in Path("runs").glob("*/*/best.safetensors")}
    folders |= {path.parents[1] for path in Path("runs").glob("*/*/fold-*/best.safetensors")}
    newest_first = sorted(map(str, folders), reverse=True)
    return [_a_file(incomplete), *_beginning(incomplete, [*shipped_models(), *newest_first])]


def _a_file(incomplete: str) -> CompletionItem:
    """Shells complete paths themselves; bash does where nothing else was found."""
    return CompletionItem(incomplete, type="file")


def _kind_of(key: str) -> str | None:
    """The kind of component that an override's ``….use`` names; None for another key."""
    *sections, last = key.split(".")
    found = (kind.name for kind in COMPONENTS if tuple(sections[: len(kind.path)]) == kind.path)
    return next(found, None) if last == "use" else None


def _components(
    context: Context, kind: str | None, incomplete: str, before: str = ""
) -> list[CompletionItem]:
    from hdf.registry.registry import discover

    try:
        found = discover(context.params.get("plugins_dir")).components
    except UserError:  # of a folder that is not there; the command will say so
        return []
    return [
        CompletionItem(f"{before}{item.name}", help=item.summary)
        for item in found
        if kind in (None, item.kind) and item.name.startswith(incomplete)
    ]


def _beginning(incomplete: str, names: Iterable[str]) -> list[CompletionItem]:
    return [CompletionItem(name) for name in names if name.startswith(incomplete)]
