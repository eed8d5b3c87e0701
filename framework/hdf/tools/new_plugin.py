"""Creating a plugin package to start from, out of the templates beside this module."""

from __future__ import annotations

import re
import shutil
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from secrets import token_hex

from jinja2 import Environment, PackageLoader, StrictUndefined

from hdf.errors import suggest, user_error
from hdf.files.atomic import naming
from hdf.hookspecs import API
from hdf.registry.kinds import KINDS
from hdf.registry.registry import Registry

LONGEST = 40
EXAMPLES = 24
SIDE = 64


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


def write_plugin(names: Names, parent: Path) -> Path:
    """Write ``hdf-NAME/`` into a folder, atomically, and return its path.

    Raises:
        UserError: something with that name exists.
    """
    folder = parent / names.distribution
    if folder.exists() or folder.is_symlink():
        raise user_error("is there already, and nothing is overwritten", where=str(folder))
    unfinished = parent / f".{names.distribution}.{token_hex(4)}"
    with naming(folder):
        unfinished.mkdir()
    try:
        _fill(unfinished, names)
        unfinished.rename(folder)
    except BaseException:
        shutil.rmtree(unfinished)
        raise
    return folder


def _fill(folder: Path, names: Names) -> None:
    environment = Environment(
        loader=PackageLoader("hdf.tools"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    facts = {**asdict(names), "check": KINDS[names.kind].check, "api": API}
    files = {
        **{name: name for name in ("pyproject.toml", "README.md", "LICENSE", "recipe.yaml")},
        ".gitignore": "gitignore",
        f"{names.module}/__init__.py": "__init__.py",
        f"{names.module}/{names.kind}.py": f"{names.kind}.py",
        f"tests/test_{names.kind}.py": "test.py",
    }
    for name, template in files.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        text = environment.get_template(f"new_plugin/{template}.j2").render(facts)
        path.write_text(text, encoding="utf-8")
    if names.kind == "loader":
        _write_example(folder / "example")


def _write_example(folder: Path) -> None:
    """Write bright ellipses on noise, with their boxes, as data for a loader."""
    import numpy as np
    from PIL import Image

    random = np.random.default_rng(0)
    rows, columns = np.mgrid[:SIDE, :SIDE] + 0.5
    folder.mkdir()
    for number in range(EXAMPLES):
        x, y, across, down = random.uniform([24, 24, 8, 8], [40, 40, 20, 20]).round()
        inside = ((columns - x) / across) ** 2 + ((rows - y) / down) ** 2 < 1
        grey = 60 + 120 * inside + random.normal(0, 10, (SIDE, SIDE))
        Image.fromarray(grey.clip(0, 255).astype(np.uint8)).save(folder / f"{number:02}.png")
        line = f"heart {x - across:g} {y - down:g} {x + across:g} {y + down:g}\n"
        (folder / f"{number:02}.txt").write_text(line, encoding="utf-8")
