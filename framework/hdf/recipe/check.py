"""From a recipe's tree to typed values: all that is wrong is found at once, before any data."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from pydantic import ValidationError

from hdf.errors import UserError, placed, user_error
from hdf.recipe.load import Node, dump
from hdf.recipe.merge import Source
from hdf.recipe.schema import Recipe
from hdf.registry.kinds import COMPONENTS
from hdf.registry.options import Options, UnusableSignatureError
from hdf.registry.registry import Component, Registry
from hdf.registry.signatures import stated_signature

RecipePath = tuple[str | int, ...]


@dataclass(frozen=True)
class Part:
    """A component as the recipe uses it, checked.

    Attributes:
        values: validated keyword arguments; a `Part`, or a dict of them by name, where the option
            holds components (`Options.nested`).
        where: the line of the recipe, for what the constructor still refuses.
    """

    component: Component
    options: Options
    values: dict[str, Any]
    where: str

    def resolved(self) -> dict[str, Any]:
        """The component as plain values, with every default filled in."""
        plain = self.with_nested(Part.resolved)
        return {"use": self.component.name, **self.options.resolved(plain)}

    def with_inner(self) -> list[Part]:
        """The part itself, and all parts inside its options."""
        found = [self]
        self.with_nested(lambda part: found.extend(part.with_inner()))
        return found

    def with_nested(self, change: Callable[[Part], Any]) -> dict[str, Any]:
        """`values`, with something else in the place of each part inside them."""
        values = dict(self.values)
        for name in (name for name in self.options.nested if name in values):
            held = values[name]
            values[name] = (
                change(held)
                if isinstance(held, Part)
                else {key: change(part) for key, part in held.items()}
            )
        return values


@dataclass(frozen=True)
class CheckedRecipe:
    """A recipe that was found to be in order.

    Attributes:
        recipe: the typed form.
        parts: the components, by their path in the recipe.
        source: what was written, and where.
    """

    recipe: Recipe
    parts: dict[RecipePath, Part]
    source: Source

    def where(self, *path: str | int) -> str:
        """The line that says this part of the recipe, for messages."""
        return self.source.tree.locate(path)

    def all_parts(self) -> list[Part]:
        """The parts, and those inside their options."""
        return [each for part in self.parts.values() for each in part.with_inner()]

    def list_of(self, section: str) -> list[Part]:
        """The parts of ``augment`` or ``visualize``, in order."""
        return [part for path, part in self.parts.items() if path[0] == section]

    def resolved(self) -> dict[str, Any]:
        """The recipe as plain values with every default filled in; it reproduces the run."""
        plain = self.recipe.model_dump(mode="json", exclude_none=True)
        for path, part in self.parts.items():
            section: Any = plain
            for key in path[:-1]:
                section = section[key]
            section[path[-1]] = part.resolved()
        return plain

    def resolved_yaml(self) -> str:
        """`resolved`, as YAML."""
        return dump(self.resolved())


def check_recipe(source: Source, registry: Registry) -> CheckedRecipe:
    """Check a recipe against the schema and against the components that are installed.

    Raises:
        UserError: with every problem found, each with its place in the recipe; components that
            can't be imported may be told only where there is no other.
    """
    checked = read_recipe(source, registry)
    import_components(checked)
    return checked


def import_components(checked: CheckedRecipe) -> None:
    """Import all components of a recipe.

    Raises:
        UserError: with the reasons of all that can't be.
    """
    errors: list[UserError] = []
    for part in checked.all_parts():
        try:
            with placed(part.where):
                part.component.load()
        except UserError as error:
            errors.append(error)
    if errors:
        raise UserError.joined(errors)


def read_recipe(source: Source, registry: Registry) -> CheckedRecipe:
    """As `check_recipe`, but a component is imported only where its source is not plain.

    Raises:
        UserError: with every problem found, each with its place in the recipe.
    """
    tree = _named(source)
    errors: list[UserError] = []
    recipe = _typed(tree, errors)
    if recipe is not None:
        errors += _misfits(recipe, tree)
    parts = {}
    for kind, path, use in _uses(tree.plain()):
        try:
            parts[path] = _part(registry, kind, path, use, tree)
        except UserError as error:
            errors.append(error)
    if errors or recipe is None:
        raise UserError.joined(errors)
    return CheckedRecipe(recipe, parts, replace(source, tree=tree))


def _named(source: Source) -> Node:
    """The tree, with the file's name where the recipe has none of its own."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", source.file.stem).lstrip("._-") or "recipe"
    where = source.tree.where
    return Node({"name": Node(name, where), **source.tree.value}, where)


def _typed(tree: Node, errors: list[UserError]) -> Recipe | None:
    try:
        return Recipe.model_validate_json(json.dumps(tree.plain()))
    except ValidationError as error:
        from hdf.recipe.problems import problems  # not above: only mistakes need it

        errors.append(UserError(problems(error, tree)))
        return None


def _misfits(recipe: Recipe, tree: Node) -> Iterator[UserError]:
    """What is right by itself, but not with the rest of the recipe."""
    if recipe.train.early_stopping is not None and recipe.data.split.inner is None:
        message = "needs training patients kept aside to judge by; try 'data.split={inner: 0.15}'"
        yield user_error(message, tree.locate(("train", "early_stopping")))


def _uses(plain: Any) -> Iterator[tuple[str, RecipePath, dict[str, Any]]]:
    """Every ``{use: …}`` that is well enough formed to be checked."""
    for kind in COMPONENTS:
        section, *keys = kind.path
        value = plain.get(section)
        if keys and isinstance(value, dict):
            yield from _well_formed(kind.name, kind.path, value.get(*keys))
        for index, item in enumerate(value if isinstance(value, list) and not keys else []):
            yield from _well_formed(kind.name, (section, index), item)


def _well_formed(
    kind: str, path: RecipePath, use: Any
) -> Iterator[tuple[str, RecipePath, dict[str, Any]]]:
    if isinstance(use, dict) and isinstance(use.get("use"), str):
        yield kind, path, use


def _part(registry: Registry, kind: str, path: RecipePath, use: dict[str, Any], tree: Node) -> Part:
    where = tree.locate((*path, "use"))
    with placed(where):
        component = registry.find(kind, use["use"])
        options = _options(component)
    values: dict[str, Any] = {}
    errors: list[UserError] = []
    try:
        values = options.validate({key: value for key, value in use.items() if key != "use"})
    except ValidationError as error:
        from hdf.recipe.problems import problems

        errors.append(UserError(problems(error, tree, path, options.names())))
    nested = _nested(registry, options, path, use, tree, errors)
    if errors:
        raise UserError.joined(errors)
    return Part(component, options, {**values, **nested}, where)


def _nested(
    registry: Registry,
    options: Options,
    path: RecipePath,
    use: dict[str, Any],
    tree: Node,
    errors: list[UserError],
) -> dict[str, Any]:
    """Parts for the options that hold loaders; what is no ``{use: …}`` has been reported before."""

    def checked(path: RecipePath, value: Any) -> Part | None:
        for kind, _, inner in _well_formed("loader", path, value):
            try:
                return _part(registry, kind, path, inner, tree)
            except UserError as error:
                errors.append(error)
        return None

    found: dict[str, Any] = {}
    for name, value in ((name, use[name]) for name in options.nested if name in use):
        if options.nested[name] == "one":
            found[name] = checked((*path, name), value)
        elif isinstance(value, dict):
            found[name] = {key: checked((*path, name, key), item) for key, item in value.items()}
    return found


def part_of(
    registry: Registry,
    kind: str,
    use: dict[str, Any],
    where: str,
    mistake: str = "does not take these options",
) -> Part:
    """A component that no recipe names; none of its options may hold a loader.

    Args:
        use: ``{"use": name, option: value, …}``, as JSON holds it.
        where: for messages.
        mistake: what to say of the component where the options do not fit.

    Raises:
        UserError: it is not there, or does not take the options.
    """
    with placed(where):
        component = registry.find(kind, use["use"])
        component.load()
        options = _options(component)
        try:
            values = options.validate({key: value for key, value in use.items() if key != "use"})
        except ValidationError as error:
            raise user_error(f"{component.title} {mistake}") from error
    return Part(component, options, values, where)


def _options(component: Component) -> Options:
    target = component.target
    stated = None
    if isinstance(target, str) and target.partition(":")[0] not in sys.modules:
        stated = stated_signature(target)
    try:
        return Options(stated or component.load(), component.kind)
    except UnusableSignatureError as error:
        raise user_error(f"{component.title} can't be used: {error}") from error
