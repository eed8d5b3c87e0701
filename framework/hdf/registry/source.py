"""Signatures from the text of a module that has not been imported, where the text is plain.

Importing a component takes seconds, as it imports torch. What its options are can mostly be told
from its source: a class or function at the top level, bound once, undecorated, with hints and
defaults of literals, standard types, and names that are plain themselves. Of everything else
nothing is said, and the component is imported (docs/decisions/0031).
"""

from __future__ import annotations

import ast
import builtins
import sys
from collections import defaultdict
from collections.abc import Iterator
from importlib import import_module
from importlib.machinery import SourceFileLoader
from importlib.util import find_spec, resolve_name
from inspect import Parameter
from typing import Any

from hdf.registry.signatures import Signature

CHEAP = sys.stdlib_module_names | {"pydantic", "annotated_types", "typing_extensions"}
"""Packages that are imported for the types in a hint."""
OPAQUE = {"__new__", "__init_subclass__", "__call__", "__signature__", "__getattr__"}
"""With one of these, a class may be called otherwise than its constructor says."""


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


class _Source:
    """The top level of a module.

    Attributes:
        bound: the statements that bind each name, or change what it stands for.
    """

    def __init__(self, name: str) -> None:
        root, _, below = name.partition(".")
        if below and root not in sys.modules:  # to find a module below it would import it
            raise _NotPlainError
        spec = find_spec(name)
        text = (
            spec.loader.get_source(name)
            if spec and isinstance(spec.loader, SourceFileLoader)
            else None
        )
        if spec is None or text is None:
            raise _NotPlainError
        self.name, self.package = name, spec.parent or ""
        self.tree = ast.parse(text)
        self.bound: dict[str, list[ast.stmt]] = defaultdict(list)
        for statement in self.tree.body:
            for bound in _bound_by(statement):
                self.bound[bound].append(statement)
        changed = {
            name
            for node in ast.walk(self.tree)
            for name in getattr(node, "names", ())
            if isinstance(node, ast.Global)
        }
        if "*" in self.bound or changed & self.bound.keys():
            raise _NotPlainError

    def refuse_missing(self) -> None:
        """What the module imports must be there; whether it works shows when it is imported."""
        for node in self.tree.body:
            if isinstance(node, ast.Import):
                _require(*(alias.name for alias in node.names))
            elif isinstance(node, ast.ImportFrom):
                _require(self._module_of(node))

    def signature(self, name: str) -> Signature:
        """Of a class or function of this module."""
        node = self._only(name)
        if isinstance(node, ast.ImportFrom):
            return _Source(self._module_of(node)).signature(_original(node, name))
        if isinstance(node, ast.FunctionDef) and not node.decorator_list:
            return self._called(node.args, skip=0)
        if not isinstance(node, ast.ClassDef):
            raise _NotPlainError
        constructor = self._constructor(node)
        if constructor is None:
            return Signature({}, {})
        source, function = constructor
        return source._called(function.args, skip=1)

    def _constructor(self, node: ast.ClassDef) -> tuple[_Source, ast.FunctionDef] | None:
        """The ``__init__`` that a class has; None where it takes nothing."""
        own = [item for item in node.body if "__init__" in _bound_by(item)]
        inherited = None if own and self._is_augmentation(node) else self._inherited(node)
        names = {name for item in node.body for name in _bound_by(item)}
        if node.decorator_list or node.keywords or names & OPAQUE or len(own) > 1:
            raise _NotPlainError
        if not own:
            return inherited
        if not isinstance(own[0], ast.FunctionDef) or own[0].decorator_list:
            raise _NotPlainError
        return self, own[0]

    def _is_augmentation(self, node: ast.ClassDef) -> bool:
        """Whether the only base is one of Kornia's, which change no call of a constructor."""
        return len(node.bases) == 1 and self._origin(node.bases[0])[0] == "kornia.augmentation"

    def _inherited(self, node: ast.ClassDef) -> tuple[_Source, ast.FunctionDef] | None:
        if not node.bases:
            return None
        if len(node.bases) > 1:
            raise _NotPlainError
        source, name = self._origin(node.bases[0])
        if (source, name) == ("torch.nn", "Module"):
            return None
        found = self if source == self.name else _Source(source)
        base = found._only(name)
        if not isinstance(base, ast.ClassDef):
            raise _NotPlainError
        return found._constructor(base)

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
        found = {item.name: item for item in self._parameters(arguments)}
        found = dict(list(found.items())[skip:])
        annotated = {
            name: item.annotation
            for name, item in found.items()
            if item.annotation is not Parameter.empty
        }
        return Signature(found, annotated)

    def _parameters(self, arguments: ast.arguments) -> Iterator[Parameter]:
        positional = [*arguments.posonlyargs, *arguments.args]
        required = len(positional) - len(arguments.defaults)
        for index, item in enumerate(positional):
            only = index < len(arguments.posonlyargs)
            kind = Parameter.POSITIONAL_ONLY if only else Parameter.POSITIONAL_OR_KEYWORD
            default = arguments.defaults[index - required] if index >= required else None
            yield self._parameter(item, kind, default)
        if arguments.vararg:
            yield self._parameter(arguments.vararg, Parameter.VAR_POSITIONAL, None)
        for item, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
            yield self._parameter(item, Parameter.KEYWORD_ONLY, default)
        if arguments.kwarg:
            yield self._parameter(arguments.kwarg, Parameter.VAR_KEYWORD, None)

    def _parameter(self, item: ast.arg, kind: Any, default: ast.expr | None) -> Parameter:
        value = Parameter.empty if default is None else self.evaluate(default)
        hint = Parameter.empty if item.annotation is None else self._hint(item.annotation)
        return Parameter(item.arg, kind, default=value, annotation=hint)

    def _hint(self, annotation: ast.expr) -> Any:
        value = self.evaluate(annotation)
        if isinstance(value, str):
            value = self.evaluate(ast.parse(value, mode="eval").body)
        return type(None) if value is None else value

    def evaluate(self, expression: ast.expr) -> Any:
        """What an expression of plain names gives."""
        code = compile(ast.Expression(expression), self.name, "eval")
        return eval(code, {"__builtins__": {}}, _Names(self))

    def value(self, name: str) -> Any:
        """What a name of the top level stands for."""
        if name not in self.bound:
            return getattr(builtins, name)
        node = self._only(name)
        if isinstance(node, ast.ImportFrom):
            return _imported(self._module_of(node), _original(node, name))
        if isinstance(node, ast.Import) and _original(node, name).partition(".")[0] in CHEAP:
            return import_module(_original(node, name))
        if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
            raise _NotPlainError
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if not all(isinstance(target, ast.Name) for target in targets):
            raise _NotPlainError
        return self.evaluate(node.value)

    def _module_of(self, node: ast.ImportFrom) -> str:
        return resolve_name(f"{'.' * node.level}{node.module or ''}", self.package)


class _Names(dict[str, Any]):
    """The names of a module, looked up when an expression asks for them."""

    def __init__(self, source: _Source) -> None:
        super().__init__()
        self.source = source

    def __missing__(self, name: str) -> Any:
        return self.source.value(name)


def _imported(module: str, name: str) -> Any:
    """What ``from module import name`` gives."""
    if module in sys.modules or module.partition(".")[0] in CHEAP:
        return getattr(import_module(module), name)
    return _Source(module).value(name)


def _require(*modules: str) -> None:
    for module in modules:
        if find_spec(module.partition(".")[0]) is None:
            raise _NotPlainError


def _original(node: ast.Import | ast.ImportFrom, name: str) -> str:
    """What a name that a statement imports is called at home."""
    for alias in node.names:
        if isinstance(node, ast.Import) and alias.asname is None:
            if alias.name.partition(".")[0] == name:
                return name
        elif (alias.asname or alias.name) == name:
            return alias.name
    raise _NotPlainError


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
