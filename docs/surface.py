"""Write docs/api.md and docs/commands.md, and docs/api-surface.txt: all that a user may build upon.

A change of the last is a change of the interface, and is seen as one where it is reviewed.

python docs/generate.py
"""

from __future__ import annotations

import html
import inspect
import json
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import click
from pydantic import BaseModel

from hdf import hookspecs
from hdf.cli.main import hdf
from hdf.recipe import schema, splits
from hdf.registry.kinds import EXTENSION_POINTS, Kind
from hdf.registry.options import Options
from hdf.registry.registry import discover

COMMAND = "python docs/generate.py"
DISTRIBUTION = "heart-detection-framework"
MODULES = {
    "hdf": "What a plugin is made of. Names are imported when they are first used.",
    "hdf.boxes": "Box algebra on [pixel edges](conventions.md).",
    "hdf.drawing": "Colours, and contact sheets of network images.",
    "hdf.errors": "Errors that the command line tells without a traceback.",
    "hdf.files": "Files that are whole or not there, and names that give no patient away.",
    "hdf.images": "Radiographs from files of any of the [formats](images-and-formats.md).",
    "hdf.inference": "A trained detector in Python: [prediction](prediction.md).",
    "hdf.ratio": "The cardiothoracic ratio.",
    "hdf.testing": "[Contract checks](plugins.md#contract-checks) for a plugin's tests.",
    "hdf.types": "The values that flow through hdf, and what each kind of component offers.",
}
"""The public modules; those without ``__all__`` are public but for names that begin with a line."""

API = f"""\
# The public names

What other packages may import from hdf; [what stays as it is](stability.md) says how long. Its
other modules can be imported too, but they change without notice; the built-in components use none
of them. Signatures, extension points, hooks, commands, recipe keys and options are in
[api-surface.txt](api-surface.txt); a change of that file is a change of the interface, and stands
in `CHANGELOG.md`.

This page and that file are generated: `{COMMAND}`.
"""

COMMANDS = f"""\
# The commands

What `hdf COMMAND --help` says. Every command ends with exit code 0 where all went well, 2 where the
user can mend what is wrong, and 130 after Ctrl-C; `hdf audit --strict` and `hdf doctor` end with 1
where they find something severe or broken. JSON and results go to stdout, all else to stderr.

This page is generated from the commands' own documentation: `{COMMAND}`.
"""


def api() -> str:
    """The whole of api.md."""
    parts = [API]
    for module, about in MODULES.items():
        rows = [f"| `{name}` | {_first_line(name, item)} |" for name, item in _public(module)]
        parts.append(f"## {module}\n\n{about}\n\n| name | what it is |\n|---|---|")
        parts.append("\n".join(rows) + "\n")
    return "\n".join(parts)


def commands() -> str:
    """The whole of commands.md."""
    parts = [COMMANDS]
    for name, command in _every_command():
        usage = " ".join(["hdf", name, *map(_argument, _arguments(command))])
        options = _options(command)
        parts.append(f"## hdf {name}\n\n```text\n{usage}\n```\n\n{_told(command.help or '')}\n")
        rows = [f"| {_code(_option(o))} | {_escaped(o.help or '')} |" for o in options]
        if rows:
            parts.append("\n".join(["| option | meaning |\n|---|---|", *rows]) + "\n")
    return "\n".join(parts)


def _told(text: str) -> str:
    return inspect.cleandoc(text).replace("``", "`")


def _escaped(text: str) -> str:
    return text.replace("|", "&#124;")


def _code(text: str) -> str:
    """Between backticks some readers of tables show the backslash of an escaped bar."""
    return f"<code>{_escaped(html.escape(text))}</code>" if "|" in text else f"`{text}`"


def _arguments(command: click.Command) -> list[click.Argument]:
    return [item for item in command.params if isinstance(item, click.Argument)]


def _options(command: click.Command) -> list[click.Option]:
    return sorted(
        (item for item in command.params if isinstance(item, click.Option)),
        key=lambda option: option.opts,
    )


def surface() -> str:
    """The whole of api-surface.txt."""
    parts = {f"module {module}": _names(module) for module in MODULES}
    parts |= {
        "extension points": map(_extension_point, EXTENSION_POINTS),
        "hooks": _hooks(),
        "commands": _commands(),
        "recipe": _keys(),
        "components": _components(),
    }
    sections = ("\n".join([f"[{title}]", *lines]) for title, lines in parts.items())
    return (
        f"# What a user of hdf may build upon; written by: {COMMAND}\n\n"
        + "\n\n".join(sections)
        + "\n"
    )


def _public(module: str) -> list[tuple[str, Any]]:
    found = import_module(module)
    own = [name for name, item in vars(found).items() if getattr(item, "__module__", "") == module]
    names = getattr(found, "__all__", [name for name in own if not name.startswith("_")])
    return [(name, getattr(found, name)) for name in sorted(names)]


def _first_line(name: str, item: Any) -> str:
    if name == "__version__":
        return "hdf's version, a text."
    if isinstance(item, str):
        return f"`{item}`"
    if isinstance(item, tuple):
        return ", ".join(f"`{value}`" for value in item)
    if item is hookspecs.hookimpl:
        return "Marks a function of a plugin as a hook, as `@hdf.hookimpl`."
    documentation = inspect.cleandoc(item.__doc__ or "")
    return " ".join(documentation.partition("\n\n")[0].replace("``", "`").split())


def _names(module: str) -> Iterator[str]:
    for name, item in _public(module):
        if inspect.isclass(item):
            # The constructor of a protocol is nobody's, that of a bare exception is Python's.
            own = not getattr(item, "_is_protocol", False) and "__init__" in _defined(item)
            yield f"class {name}{_signature(item) if own else ''}"
            yield from (f"  {line}" for line in _members(item))
        elif inspect.isfunction(item):
            yield f"{name}{_signature(item)}"
        else:
            yield name


def _defined(found: type) -> set[str]:
    """The names that a class and its bases define, Python's own left out."""
    known = {"__init__"} if "__new__" in vars(found) else set()
    bases = (base for base in inspect.getmro(found) if base.__module__ != "builtins")
    return known.union(*(vars(base) for base in bases))


def _members(found: type) -> Iterator[str]:
    for name, item in sorted(vars(found).items()):
        if name.startswith("_"):
            continue
        function = getattr(item, "__func__", item)
        if isinstance(item, property):
            yield f"{name}: property"
        elif inspect.isfunction(function):
            yield f"{name}{_signature(function)}"


class _Raw:
    """An annotation as it is written."""

    def __init__(self, annotation: Any) -> None:
        self.text = str(getattr(annotation, "__forward_arg__", annotation))

    def __repr__(self) -> str:
        return self.text


def _signature(item: Callable[..., Any]) -> str:
    found = inspect.signature(item)
    parameters = [
        one if one.annotation is one.empty else one.replace(annotation=_Raw(one.annotation))
        for one in found.parameters.values()
    ]
    returned = found.return_annotation
    known = returned if returned is found.empty else _Raw(returned)
    return str(found.replace(parameters=parameters, return_annotation=known))


def _extension_point(kind: Kind) -> str:
    check = f", hdf.testing.{kind.check}" if kind.check else ""
    return f"{kind.name}: {', '.join(kind.hooks)}; hdf.types.{kind.protocol}{check}; {kind.page}"


def _hooks() -> Iterator[str]:
    yield f"register{_signature(hookspecs.Register.__call__)}"
    for name, item in sorted(vars(hookspecs).items()):
        if name.startswith("hdf_"):
            yield f"{name}{_signature(item)}"


def _commands() -> Iterator[str]:
    for name, command in _every_command():
        yield " ".join([f"hdf {name}", *map(_argument, _arguments(command))])
        yield from (f"  {_option(option)}" for option in _options(command))


def _every_command() -> Iterator[tuple[str, click.Command]]:
    context = click.Context(hdf)
    for name in hdf.list_commands(context):
        command = hdf.get_command(context, name)
        assert command is not None
        yield name, command


def _argument(item: click.Argument) -> str:
    if item.metavar:
        return item.metavar
    name = f"{item.name}..." if item.nargs == -1 else str(item.name)
    return name.upper() if item.required else f"[{name.upper()}]"


def _option(item: click.Option) -> str:
    name = "/".join([*item.opts, *item.secondary_opts])
    if isinstance(item.type, click.Choice):
        name += f" {'|'.join(map(str, item.type.choices))}"
    elif not item.is_flag:
        name += f" {item.metavar or item.type.name.upper()}"
    return name + " (repeated)" * item.multiple + " (required)" * item.required


def _keys() -> Iterator[str]:
    models = {**vars(splits), **vars(schema)}
    for name, model in sorted(models.items()):
        if inspect.isclass(model) and issubclass(model, BaseModel) and model.model_fields:
            for key, field in model.model_fields.items():
                default = "" if field.is_required() else f" = {_shown(field.default)}"
                yield f"{name}.{key}{default}"


def _components() -> Iterator[str]:
    for item in discover().components:
        if item.plugin.distribution != DISTRIBUTION:
            continue
        yield f"{item.kind} {item.name}"
        for option in Options(item.load(), item.kind).describe():
            default = "" if option.required else f" = {_shown(option.default)}"
            yield f"  {option.name}: {option.type}{default}"


def _shown(value: Any) -> str:
    return json.dumps(value, default=str)


FILES = {"api.md": api, "commands.md": commands, "api-surface.txt": surface}

if __name__ == "__main__":
    for file, written in FILES.items():
        Path(__file__).with_name(file).write_text(written(), encoding="utf-8")
