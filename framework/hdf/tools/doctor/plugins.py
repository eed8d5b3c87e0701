"""Whether every plugin loads, and each of its components can be used."""

from __future__ import annotations

from collections.abc import Iterator

from hdf.errors import UserError
from hdf.registry.discovery import DISTRIBUTION
from hdf.registry.options import Options, UnusableSignatureError
from hdf.registry.registry import Component, Plugin, Registry
from hdf.tools.doctor import Check, State

MEND = "mend or remove it, or switch it off with HDF_DISABLE_PLUGINS; see hdf list-plugins"


def plugins(registry: Registry) -> Iterator[Check]:
    """Each plugin, followed by its components that can't be used, with the reasons."""
    for plugin in registry.plugins:
        title = f"{plugin.distribution} {plugin.version}".strip()
        if plugin.error:
            yield Check("plugins", plugin.name, _worst(plugin), f"{title}: {plugin.error}", MEND)
            continue
        own = [item for item in registry.components if item.plugin is plugin]
        faults = {f"{item.kind} {item.name}": fault for item in own if (fault := _fault(item))}
        usable = f"{len(own) - len(faults)} of {len(own)} components can be used"
        value = f"{title}: {usable}, plugin interface {plugin.api}"
        yield Check("plugins", plugin.name, "ok", value)
        for name, fault in faults.items():
            yield Check("plugins", name, _worst(plugin), fault, MEND)
    if not any(plugin.distribution == DISTRIBUTION for plugin in registry.plugins):
        value = "hdf's own components are not installed, or switched off"
        advice = f"pip install {DISTRIBUTION}; look at HDF_DISABLE_PLUGINS"
        yield Check("plugins", "builtin", "broken", value, advice)


def _worst(plugin: Plugin) -> State:
    """hdf can do without the plugins of others."""
    return "broken" if plugin.distribution == DISTRIBUTION else "note"


def _fault(component: Component) -> str:
    """Why a component can't be used; empty if it can."""
    try:
        Options(component.load(), component.kind)
    except (UserError, UnusableSignatureError) as error:
        return str(error)
    return component.status if component.status.startswith("conflict") else ""
