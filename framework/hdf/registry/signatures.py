"""A component's parameters with their type hints: of the object itself, or from its source.

Importing a component takes seconds, as it imports torch. What its options are can mostly be told
from its source: a class or function at the top level, bound once, undecorated, with hints and
defaults of literals, standard types, and names that are plain themselves. Everything else is left
to an import (docs/decisions/0031).
"""

from __future__ import annotations

import ast
import builtins
import inspect
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.machinery import SourceFileLoader
from importlib.util import find_spec, resolve_name
from types import SimpleNamespace
from typing import Any, get_type_hints

KORNIA = "kornia.augmentation"
CHEAP = sys.stdlib_module_names | {"pydantic", "annotated_types", "typing_extensions"}
"""Packages that are imported for the types in a hint."""
OPAQUE = {"__new__", "__init_subclass__", "__call__", "__signature__", "__getattr__"}
"""With one of these, a class may be called otherwise than its constructor says."""


@dataclass(frozen=True, slots=True)
class Signature:
    """A component's parameters by name, and the types of those that are annotated."""

    parameters: Mapping[str, inspect.Parameter]
    hints: dict[str, Any]

    @classmethod
    def of(cls, target: Callable[..., Any]) -> Signature:
        """Of a class or function; whatever is odd about it may raise anything."""
        function = target.__init__ if inspect.isclass(target) else target
        # What it returns is nobody's option, and its type may be imported for type checkers alone.
        annotations = {**getattr(function, "__annotations__", {})}
        annotations.pop("return", None)
        hints = get_type_hints(
            SimpleNamespace(__annotations__=annotations),
            globalns=getattr(inspect.unwrap(function), "__globals__", {}),
            include_extras=True,
        )
        return cls(_parameters(target), hints)


def _parameters(target: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    """None of an nn.Module without its own constructor, as torch.compile replaces Module's."""
    if inspect.isclass(target):
        owners = (base for base in inspect.getmro(target) if "__init__" in vars(base))
        if next(owners).__module__ == "torch.nn.modules.module":
            return {}
    return inspect.signature(target).parameters


class _NotPlainError(Exception):
    """Only an import can tell."""


def stated_signature(target: str) -> Signature | None:
    """The signature of ``module:attribute``; None where only an import tells it, or would fail."""
    module, _, attribute = target.partition(":")
    try:
        source = _Source(module)
        source.refuse_missing()
        return source.signature(attribute)
    except Exception:  # whatever text, names and packages lead Python to
        return None


class _Source(dict[str, Any]):
    """The top level of a module; a mapping of its names, evaluated when an expression asks for one.

    `bound` holds the statements that bind each name, or change what it stands for.
    """

    def __init__(self, name: str) -> None:
        super().__init__()
        root, _, below = name.partition(".")
        if below and root not in sys.modules:  # to find a module below it would import it
            raise _NotPlainError
        spec = find_spec(name)
        if spec is None or not isinstance(spec.loader, SourceFileLoader):
            raise _NotPlainError
        self.name, self.package = name, spec.parent or ""
        self.tree = ast.parse(spec.loader.get_source(name) or "")
        self.bound: dict[str, list[ast.stmt]] = defaultdict(list)
        for statement in self.tree.body:
            for bound in _bound_by(statement):
                self.bound[bound].append(statement)
        changed = (node.names for node in ast.walk(self.tree) if isinstance(node, ast.Global))
        if "*" in self.bound or self.bound.keys() & {name for names in changed for name in names}:
            raise _NotPlainError

    def refuse_missing(self) -> None:
        """What the module imports must be there; whether it works shows when it is imported."""
        for node in self.tree.body:
            modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                modules = [self._module_of(node)]
            if not all(find_spec(module.partition(".")[0]) for module in modules):
                raise _NotPlainError

    def signature(self, name: str) -> Signature:
        """Of a class or function of this module."""
        node = self._only(name)
        if isinstance(node, ast.ImportFrom):
            return _Source(self._module_of(node)).signature(_original(node, name))
        if isinstance(node, ast.FunctionDef) and not node.decorator_list:
            return self._called(node.args, skip=0)
        found = self._constructor(node)
        return found[0]._called(found[1].args, skip=1) if found else Signature({}, {})

    def _constructor(self, node: ast.stmt) -> tuple[_Source, ast.FunctionDef] | None:
        """The ``__init__`` that a class has; None where it takes nothing."""
        if not isinstance(node, ast.ClassDef) or node.decorator_list or node.keywords:
            raise _NotPlainError
        own = [item for item in node.body if "__init__" in _bound_by(item)]
        names = {name for item in node.body for name in _bound_by(item)}
        if names & OPAQUE or len(own) > 1 or len(node.bases) > 1:
            raise _NotPlainError
        found = None
        for module, name in map(self._origin, node.bases):
            # Those of Kornia change no call of a constructor.
            if (module, name) != ("torch.nn", "Module") and not (own and module == KORNIA):
                source = self if module == self.name else _Source(module)
                found = source._constructor(source._only(name))
        for function in own:
            if not isinstance(function, ast.FunctionDef) or function.decorator_list:
                raise _NotPlainError
            found = self, function
        return found

    def _origin(self, base: ast.expr) -> tuple[str, str]:
        """The module and the name of a base class, such as ``nn.Module``."""
        first, *rest = ast.unparse(base).split(".")
        node = self._only(first)
        if isinstance(node, ast.ClassDef) and not rest:
            return self.name, first
        if isinstance(node, ast.ImportFrom):
            rest = [*self._module_of(node).split("."), _original(node, first), *rest]
        elif isinstance(node, ast.Import):
            rest = [*_original(node, first).split("."), *rest]
        return ".".join(rest[:-1]), rest[-1]

    def _only(self, name: str) -> ast.stmt:
        """The one statement that binds a name."""
        (node,) = self.bound[name]
        return node

    def _called(self, arguments: ast.arguments, skip: int) -> Signature:
        bare = ast.Lambda(arguments, ast.Constant(None))  # which has no annotations
        parameters = inspect.signature(self._value_of(ast.fix_missing_locations(bare))).parameters
        nodes = (node for node in ast.walk(arguments) if isinstance(node, ast.arg))
        hints = {node.arg: self._hint(node.annotation) for node in nodes if node.annotation}
        return Signature(dict(list(parameters.items())[skip:]), hints)

    def _hint(self, annotation: ast.expr) -> Any:
        value = self._value_of(annotation)
        if isinstance(value, str):
            value = self._value_of(ast.parse(value, mode="eval").body)
        return type(None) if value is None else value

    def _value_of(self, expression: ast.expr) -> Any:
        """What an expression of plain names gives."""
        code = compile(ast.Expression(expression), self.name, "eval")
        return eval(code, {"__builtins__": {}}, self)

    def __missing__(self, name: str) -> Any:
        """What a name of the top level stands for."""
        if name not in self.bound:
            return getattr(builtins, name)
        match self._only(name):
            case ast.ImportFrom() as node:
                module, original = self._module_of(node), _original(node, name)
                if module in sys.modules or module.partition(".")[0] in CHEAP:
                    return getattr(import_module(module), original)
                return _Source(module)[original]
            case ast.Import() as node if _original(node, name).partition(".")[0] in CHEAP:
                return import_module(_original(node, name))
            case ast.Assign([ast.Name()], value) | ast.AnnAssign(ast.Name(), _, value) if value:
                return self._value_of(value)
        raise _NotPlainError

    def _module_of(self, node: ast.ImportFrom) -> str:
        return resolve_name(f"{'.' * node.level}{node.module or ''}", self.package)


def _original(node: ast.Import | ast.ImportFrom, name: str) -> str:
    """What a name that a statement imports is called at home."""
    (alias,) = (alias for alias in node.names if _bound(alias) == name)
    return alias.name if alias.asname else name


def _bound_by(statement: ast.stmt) -> set[str]:
    """The names that a statement binds, or whose object it changes by an assignment."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {statement.name}
    return {name for node in ast.walk(statement) if (name := _bound(node))}


def _bound(node: ast.AST) -> str | None:
    if isinstance(node, ast.alias):
        return node.asname or node.name.partition(".")[0]
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.ExceptHandler):
        return node.name
    if isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
        return None
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Starred):
        node = node.value
    return node.id if isinstance(node, ast.Name) else None
