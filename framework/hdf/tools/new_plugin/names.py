"""The names of a new plugin, and whether they are free."""

from __future__ import annotations

import re
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from hdf.errors import suggest, user_error
from hdf.registry.kinds import KINDS
from hdf.registry.registry import Registry

LONGEST = 40


@dataclass(frozen=True)
class Names:
    """What a plugin of one component is called.

    Attributes:
        kind: one of `hdf.registry.kinds.KINDS`.
        component: the name in recipes, such as ``tiny_conv``.
        distribution: what pip installs, such as ``hdf-tiny-conv`` (PEP 503).
        module: what Python imports, such as ``hdf_tiny_conv``.
        class_name: such as ``TinyConvBackbone``.
    """

    kind: str
    component: str
    distribution: str
    module: str
    class_name: str


def choose_names(kind: str, name: str, registry: Registry) -> Names:
    """The names that follow from one.

    Raises:
        UserError: there is no such kind, the name is not valid for a package and a component, or it
            is already installed.
    """
    if kind not in KINDS:
        raise user_error(f"no kind is called {kind!r}{suggest(kind, KINDS)}")
    if not re.fullmatch(r"[a-z][a-z0-9]*([-_][a-z0-9]+)*", name) or len(name) > LONGEST:
        raise user_error(
            f"{name!r} can't be a plugin's name; take lower-case letters, digits and single "
            f"hyphens or underscores between them, beginning with a letter, at most {LONGEST}: "
            "such as tiny-conv"
        )
    component = name.replace("-", "_")
    title = "".join(word.title() for word in (*component.split("_"), kind))
    names = Names(kind, component, f"hdf-{name.replace('_', '-')}", f"hdf_{component}", title)
    _refuse_taken(names, registry)
    return names


def _refuse_taken(names: Names, registry: Registry) -> None:
    twins = [item for item in registry.of_kind(names.kind) if item.name == names.component]
    if twins:
        message = f"{twins[0].title} has this name already, and a recipe could use neither"
        raise user_error(f"{message}; choose another")
    try:
        found = f"{names.distribution} {version(names.distribution)} is installed already"
    except PackageNotFoundError:
        if find_spec(names.module) is None:
            return
        found = f"a module {names.module} can be imported already"
    raise user_error(f"{found}; choose another name")
