"""The plugins that are installed and the components that they register.

Every entry point of the group ``hdf`` is loaded in its own ``try`` and every hook implementation is
called on its own, so a broken plugin costs only itself: it becomes a row in ``hdf list-plugins``
and an error where a recipe uses it.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import pluggy

from hdf import __version__, hookspecs
from hdf.errors import Problem, UserError, suggest, user_error
from hdf.registry.discovery import Plugin, installed_plugins, plugins_in, uncollected
from hdf.registry.kinds import COMPONENTS

OTHER_API = (
    "written for version {} of hdf's plugin interface, and hdf "
    f"{__version__} offers version {hookspecs.API}; install a version of the plugin that fits"
)


@dataclass(slots=True)
class Component:
    """A name that a recipe may write behind ``use``.

    Attributes:
        status: ``registered`` until something imports it, then ``loaded``; ``failed: reason`` or
            ``conflict: reason`` where it can't be used.
    """

    kind: str
    name: str
    target: str | Callable[..., Any]
    summary: str
    plugin: Plugin
    status: str = "registered"

    def load(self) -> Callable[..., Any]:
        """The class or function itself, imported if need be; a `UserError` where it can't be."""
        status = "loaded"
        try:
            if isinstance(self.target, str):
                self.target = _import(self.target)
            return self.target
        except (Exception, SystemExit) as error:
            status = f"failed: {_reason(error)}"
            message = f"{self.title} can't be imported: {_reason(error)}"
            raise UserError(Problem("", message), _story(error)) from error
        finally:
            if not self.status.startswith("conflict"):
                self.status = status

    @property
    def title(self) -> str:
        """Kind, name and provider, for messages."""
        return f"{self.kind} {self.name!r} of {self.provider}"

    @property
    def provider(self) -> str:
        return f"{self.plugin.distribution} {self.plugin.version}".strip()


def _reason(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split()) or 'no message'}"


def _story(error: BaseException) -> str:
    return "".join(traceback.format_exception(error))


def _import(target: str) -> Callable[..., Any]:
    module, _, attribute = target.partition(":")
    with uncollected():
        found: Callable[..., Any] = getattr(import_module(module), attribute)
    if not callable(found):
        raise TypeError(f"{target} is a {type(found).__name__}, not a class or a function")
    return found


@dataclass
class Registry:
    """All plugins and components, in the order in which they were found."""

    plugins: list[Plugin] = field(default_factory=list)
    components: list[Component] = field(default_factory=list)
    manager: pluggy.PluginManager = field(default_factory=lambda: pluggy.PluginManager("hdf"))

    def of_kind(self, kind: str) -> list[Component]:
        return [component for component in self.components if component.kind == kind]

    def find(self, kind: str, name: str) -> Component:
        """The component of this kind and name; a `UserError` where there are none or several."""
        found = self._called(kind, name)
        if len(found) > 1:
            raise user_error(_conflict(found))
        if found:
            return found[0]
        names = suggest(name, (component.name for component in self.of_kind(kind)))
        message = f"no {kind} is called {name!r}{names}"
        broken = [plugin for plugin in self.plugins if plugin.error]
        if broken:
            reasons = "; ".join(f"{plugin.name} ({plugin.error})" for plugin in broken)
            message += f" (plugins that failed to load: {reasons})"
        raise UserError(message, "\n".join(plugin.traceback for plugin in broken))

    def _called(self, kind: str, name: str) -> list[Component]:
        return [component for component in self.of_kind(kind) if component.name == name]

    def add(self, plugin: Plugin) -> None:
        """Load one plugin and collect what it registers; a failure is kept, never raised."""
        self.plugins.append(plugin)
        found: list[Component] = []
        known_as = f"{plugin.distribution}:{plugin.name}"
        try:
            module = plugin.load()
            plugin.api = str(getattr(module, "hdf_api", hookspecs.API))
            if plugin.api != hookspecs.API:
                plugin.error = OTHER_API.format(plugin.api)
                return
            _refuse_unmarked(module)
            self.manager.register(module, known_as)
            self.manager.check_pending()
            for kind in COMPONENTS:
                register = partial(_collect, found, kind.name, plugin)
                self.call_one(module, kind.hooks[0], register=register)
        except (Exception, SystemExit) as error:
            plugin.error, plugin.traceback = _reason(error), _story(error)
            # A plugin that pluggy refuses half-way stays in its books under this name.
            if self.manager.has_plugin(known_as):
                self.manager.unregister(name=known_as)
            return
        self.components += found
        for component in found:
            twins = self._called(component.kind, component.name)
            for twin in twins if len(twins) > 1 else ():
                twin.status = f"conflict: {_conflict(twins)}"

    def call_one(self, plugin: object, hook: str, **arguments: Any) -> None:
        """Call one plugin's implementation of a hook, if it has one."""
        others = [other for other in self.manager.get_plugins() if other is not plugin]
        self.manager.subset_hook_caller(hook, others)(**arguments)

    def implementers(self, hook: str) -> list[object]:
        return [impl.plugin for impl in getattr(self.manager.hook, hook).get_hookimpls()]


def _collect(
    found: list[Component],
    kind: str,
    plugin: Plugin,
    name: str,
    target: str | Callable[..., Any],
    *,
    summary: str = "",
) -> None:
    """The `hookspecs.Register` that a hook is given."""
    if isinstance(target, str) and not all(target.partition(":")):
        raise ValueError(f"{kind} {name!r}: the target {target!r} is not 'module:attribute'")
    found.append(Component(kind, name, target, summary, plugin))


def _refuse_unmarked(module: object) -> None:
    """A hook without its decorator would be passed over in silence."""
    for name in vars(hookspecs):
        function = getattr(module, name, None) if name.startswith("hdf_") else None
        if callable(function) and not hasattr(function, "hdf_impl"):
            raise TypeError(f"{name} lacks the decorator @hdf.hookimpl")


def _conflict(twins: Sequence[Component]) -> str:
    providers = " and ".join(sorted({twin.provider for twin in twins}))
    return (
        f"{twins[0].kind} {twins[0].name!r} is registered {len(twins)} times, by {providers}; "
        "switch one off with HDF_DISABLE_PLUGINS=NAME"
    )


def discover(plugins_dir: Path | None = None) -> Registry:
    """Find and load every plugin that is installed, or is a file of a folder."""
    registry = Registry()
    registry.manager.add_hookspecs(hookspecs)
    if os.environ.get("HDF_TRACE_PLUGINS") == "1":
        registry.manager.trace.root.setwriter(sys.stderr.write)
        registry.manager.enable_tracing()
    disabled = {name.strip() for name in os.environ.get("HDF_DISABLE_PLUGINS", "").split(",")}
    for plugin in installed_plugins() + (plugins_in(plugins_dir) if plugins_dir else []):
        if not disabled & {plugin.name, plugin.distribution}:
            registry.add(plugin)
    return registry
