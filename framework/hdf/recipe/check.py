"""From a recipe's tree to typed values: all that is wrong is found at once, before any data."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from hdf.errors import Problem, UserError, placed, user_error
from hdf.recipe.load import Node, RecipePath, dump, parse, read_text
from hdf.recipe.merge import Source, differing
from hdf.recipe.schema import Recipe
from hdf.recipe.splits import ListSplit
from hdf.registry.kinds import COMPONENTS
from hdf.registry.options import Options, UnusableSignatureError
from hdf.registry.registry import Component, Registry
from hdf.registry.signatures import stated_signature


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
        for name in [name for name in self.options.nested if name in values]:
            held = values[name]
            values[name] = (
                change(held)
                if isinstance(held, Part)
                else {key: change(part) for key, part in held.items()}
            )
        return values


@dataclass(frozen=True)
class CheckedRecipe:
    """A recipe in order: its typed form, the components by their path, and what was written."""

    recipe: Recipe
    parts: dict[RecipePath, Part]
    source: Source

    def where(self, *path: str | int) -> str:
        """The line that says this part of the recipe, for messages."""
        return self.source.tree.locate(path)

    def all_parts(self) -> list[Part]:
        """The parts, and those inside their options."""
        return [each for part in self.parts.values() for each in part.with_inner()]

    def option_values(self) -> Iterator[tuple[RecipePath, Any]]:
        """The values in the options of all parts that hold no others, with their paths."""
        for path, part in self.parts.items():
            yield from _innermost(part, path)

    def list_of(self, section: str) -> list[Part]:
        """The parts of ``augment`` or ``visualize``, in order."""
        return [part for path, part in self.parts.items() if path[0] == section]

    def resolved(self) -> dict[str, Any]:
        """The recipe as plain values with every default filled in; it reproduces the run."""
        plain: dict[Any, Any] = self.recipe.model_dump(mode="json", exclude_none=True)
        for (section, key), part in self.parts.items():
            plain[section][key] = part.resolved()
        return plain

    def resolved_yaml(self) -> str:
        return dump(self.resolved())

    def reread(self) -> Any:
        """`resolved`, as it is read back from its YAML."""
        return parse(self.resolved_yaml(), "recipe").plain()


def _innermost(value: Any, path: RecipePath) -> Iterator[tuple[RecipePath, Any]]:
    held = value.values if isinstance(value, Part) else value
    if isinstance(held, dict | list | tuple | set | frozenset):
        for key, inner in held.items() if isinstance(held, dict) else enumerate(held):
            yield from _innermost(inner, (*path, key))
    else:
        yield path, held


def missing_files(checked: CheckedRecipe) -> Iterator[Problem]:
    """One problem for each file or folder that the recipe names and that is not there.

    These are the options annotated as `Path`, but for those of visualizers, which may name what is
    to be written.
    """
    named = [(key, value) for key, value in checked.option_values() if key[0] != "visualize"]
    if isinstance(split := checked.recipe.data.split, ListSplit):
        lists = {"train": Path(split.lists.train), "val": Path(split.lists.val)}
        named += [(("data", "split", "lists", side), file) for side, file in lists.items()]
    for key, path in named:
        if isinstance(path, Path) and not os.path.exists(path):  # noqa: PTH110  # too long a name
            hint = "" if path.is_absolute() else "; it counts from the folder where hdf is started"
            message = f"there is no file or folder {str(path)!r}{hint}"
            yield Problem(checked.where(*key), message)


def same_recipe(folder: Path, checked: CheckedRecipe) -> bool:
    """Whether the run in `folder` was made with exactly this recipe."""
    try:
        return not differences_from(folder, checked)
    except UserError:
        return False


def differences_from(folder: Path, checked: CheckedRecipe) -> list[Problem]:
    """The keys in which a recipe differs from `folder`'s, which must be there, with both values."""
    path = folder / "resolved.yaml"
    if not path.is_file():
        raise user_error("is missing; give another folder, or --overwrite", str(path))
    return differing(parse(read_text(path), str(path)).plain(), checked.reread())


def check_recipe(source: Source, registry: Registry) -> CheckedRecipe:
    """Check a recipe against the schema and against the components that are installed.

    Raises:
        UserError: with every problem and its place; a failing import may be told only by itself.
    """
    checked = read_recipe(source, registry)
    import_components(checked)
    return checked


def import_components(checked: CheckedRecipe) -> None:
    """Import all components of a recipe; those that fail are told together."""
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
    """As `check_recipe`, but a component is imported only where its source is not plain."""
    reader = _Reader(registry, _named(source))
    recipe = reader.typed()
    parts = {path: reader.part(kind, path, use) for kind, path, use in _uses(reader.plain)}
    if reader.errors or recipe is None:
        raise UserError.joined(reader.errors)
    found = {path: part for path, part in parts.items() if part}
    return CheckedRecipe(recipe, found, replace(source, tree=reader.tree))


def _named(source: Source) -> Node:
    """The tree, with the file's name where the recipe has none of its own."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "_", source.file.stem).lstrip("._-") or "recipe"
    where = source.tree.where
    return Node({"name": Node(name, where), **source.tree.value}, where)


def _uses(plain: Any) -> Iterator[tuple[str, RecipePath, Any]]:
    """What stands where a recipe names its components."""
    for kind in COMPONENTS:
        section, *keys = kind.path
        value = plain.get(section)
        if keys and isinstance(value, dict):
            yield kind.name, kind.path, value.get(*keys)
        elif not keys and isinstance(value, list):
            yield from ((kind.name, (section, index), item) for index, item in enumerate(value))


class _Reader:
    """Reads a tree, and collects what is wrong with it."""

    def __init__(self, registry: Registry, tree: Node) -> None:
        self.registry, self.tree, self.plain = registry, tree, tree.plain()
        self.errors: list[UserError] = []

    def typed(self) -> Recipe | None:
        try:
            recipe = Recipe.model_validate_json(json.dumps(self.plain))
        except ValidationError as error:
            self._refuse(error)
            return None
        if recipe.train.early_stopping is not None and recipe.data.split.inner is None:
            message = "needs training patients kept aside to judge by; try "
            message += "'data.split={inner: 0.15}'"
            where = self.tree.locate(("train", "early_stopping"))
            self.errors.append(user_error(message, where))
        return recipe

    def part(self, kind: str, path: RecipePath, use: Any) -> Part | None:
        """A component; None where it is none, or for no ``{use: …}``, which `typed` reports."""
        if not isinstance(use, dict) or not isinstance(use.get("use"), str):
            return None
        where = self.tree.locate((*path, "use"))
        try:
            with placed(where):
                component = self.registry.find(kind, use["use"])
                options = _options(component)
        except UserError as error:
            self.errors.append(error)
            return None
        values: dict[str, Any] = {}
        try:
            values = options.validate({key: value for key, value in use.items() if key != "use"})
        except ValidationError as error:
            self._refuse(error, path, options.names())
        for name in [name for name in options.nested if name in use]:
            values[name] = self._nested(options.nested[name] == "one", (*path, name), use[name])
        return Part(component, options, values, where)

    def _nested(self, is_one: bool, path: RecipePath, held: Any) -> Any:
        """A loader, or several by name, inside an option of another."""
        if is_one:
            return self.part("loader", path, held)
        inner = held if isinstance(held, dict) else {}
        return {key: self.part("loader", (*path, key), use) for key, use in inner.items()}

    def _refuse(
        self, error: ValidationError, path: RecipePath = (), known: list[str] | None = None
    ) -> None:
        from hdf.recipe.problems import problems  # not above: only mistakes need it

        self.errors.append(UserError(problems(error, self.tree, path, known)))


def part_of(
    registry: Registry,
    kind: str,
    use: dict[str, Any],
    where: str,
    mistake: str = "does not take these options",
) -> Part:
    """A component that no recipe names, from ``{"use": name, option: value, …}`` as JSON holds it.

    None of its options may hold a loader. `mistake` says what is wrong where they do not fit.
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
