"""``hdf list-plugins`` and ``hdf new-plugin``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hdf.cli.arguments import complete_component, complete_kind, plugins_dir_option
from hdf.cli.screen import show_json, show_table
from hdf.errors import UserError, suggest, user_error

if TYPE_CHECKING:
    from hdf.registry.discovery import Plugin
    from hdf.registry.registry import Component, Registry

COLUMNS = ("kind", "name", "summary", "distribution", "version", "status")


@click.command("list-plugins")
@click.argument("name", required=False, shell_complete=complete_component)
@click.option(
    "--kind", metavar="KIND", shell_complete=complete_kind, help="Only components of this kind."
)
@click.option("--json", "as_json", is_flag=True, help="Print everything, with options, as JSON.")
@plugins_dir_option
def list_plugins(
    name: str | None, kind: str | None, as_json: bool, plugins_dir: Path | None
) -> None:
    """List the installed components, or show the options of NAME."""
    from hdf.registry.registry import discover

    registry = discover(plugins_dir)
    chosen = _choose(registry, name, kind)
    failures = [] if kind else _failed_plugins(registry, name)
    if as_json or name:
        details = [*map(_details, chosen), *failures]
        if as_json:
            show_json(details)
        else:
            for item in details:
                _show_one(item)
        return
    rows = [*map(_row, chosen), *failures]
    show_table(COLUMNS, [[row[column] for column in COLUMNS] for row in rows])


def _choose(registry: Registry, name: str | None, kind: str | None) -> list[Component]:
    from hdf.registry.kinds import KINDS

    if kind is not None and kind not in KINDS:
        raise user_error(f"no kind is called {kind!r}{suggest(kind, KINDS)}")
    found = [c for c in registry.components if kind in (None, c.kind) and name in (None, c.name)]
    failed = {plugin.name for plugin in registry.plugins if plugin.error}
    if name is not None and not found and name not in failed:
        known = (component.name for component in registry.components)
        raise user_error(f"no component is called {name!r}{suggest(name, known)}")
    return sorted(found, key=lambda component: list(KINDS).index(component.kind))


def _row(component: Component) -> dict[str, Any]:
    about = _of_plugin(component.plugin, component.status)
    return {**about, "kind": component.kind, "name": component.name, "summary": component.summary}


def _failed_plugins(registry: Registry, name: str | None) -> list[dict[str, Any]]:
    return [
        {
            **_of_plugin(plugin, f"failed: {plugin.error}"),
            "options": [],
            "documentation": plugin.traceback,
        }
        for plugin in registry.plugins
        if plugin.error and name in (None, plugin.name)
    ]


def _of_plugin(plugin: Plugin, status: str) -> dict[str, Any]:
    return {
        "kind": "plugin",
        "name": plugin.name,
        "summary": "",
        "distribution": plugin.distribution,
        "version": plugin.version,
        "status": status,
        "hdf_api": plugin.api,
    }


def _details(component: Component) -> dict[str, Any]:
    """The row, with options and documentation; imports the component."""
    from hdf.registry.options import Options, UnusableSignatureError, description, meanings

    nothing = {"options": [], "documentation": ""}
    try:
        target = component.load()
        options = Options(target, component.kind)
    except UserError:
        return {**_row(component), **nothing}
    except (UnusableSignatureError, NameError) as error:
        return {**_row(component), **nothing, "status": f"failed: {error}"}
    known, defaults = meanings(target), options.resolved({})
    described = [
        {
            "name": option.name,
            "type": option.type,
            "required": option.required,
            "meaning": known.get(option.name, ""),
            **({} if option.required else {"default": defaults[option.name]}),
        }
        for option in options.describe()
    ]
    return {**_row(component), "options": described, "documentation": description(target)}


def _show_one(details: dict[str, Any]) -> None:
    for column in COLUMNS:
        click.echo(f"{column}: {details[column]}")
    click.echo(f"\n{details['documentation']}\n")
    rows = [
        (
            item["name"],
            item["type"],
            "(required)" if item["required"] else json.dumps(item["default"]),
            item["meaning"],
        )
        for item in details["options"]
    ]
    if rows:
        show_table(("option", "type", "default", "meaning"), rows)
    else:
        click.echo("no options")


@click.command("new-plugin")
@click.argument("kind", shell_complete=complete_kind)
@click.argument("name")
def new_plugin(kind: str, name: str) -> None:
    """Create a plugin package to start from.

    KIND is loader, augmentation, backbone, head or visualizer. NAME is the component's name in
    recipes. The package hdf-NAME works, with a test and a recipe of its own; nothing is
    overwritten.
    """
    from hdf.registry.registry import discover
    from hdf.tools.new_plugin import choose_names, write_plugin

    names = choose_names(kind, name, discover())
    folder = write_plugin(names, Path())
    click.echo(
        f"{folder}: change {folder / names.module / kind}.py; tests/ holds it to its contract"
    )
    click.echo("next:")
    click.echo(f"  pip install -e './{folder}[test]'")
    click.echo(f"  hdf run {folder / 'recipe.yaml'}")
