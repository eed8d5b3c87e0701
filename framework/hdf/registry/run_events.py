"""Telling plugins what happens in a run."""

from __future__ import annotations

import traceback
from typing import Any

from hdf.console.progress import Reporter
from hdf.registry.registry import Registry


def send(registry: Registry, reporter: Reporter, event: str, **facts: Any) -> None:
    """Call every plugin's implementation of a run event, each on its own.

    One that raises is reported, with its traceback in the log, and does not stop the run.
    """
    for plugin in registry.implementers(event):
        try:
            registry.call_one(plugin, event, **facts)
        except Exception as error:
            name = registry.manager.get_name(plugin)
            reporter.say(f"plugin {name} failed in {event}: {type(error).__name__}: {error}")
            reporter.record(traceback.format_exc())
