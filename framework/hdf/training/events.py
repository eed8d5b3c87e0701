"""Telling plugins what happens in a run."""

from __future__ import annotations

import traceback
from typing import Any

from hdf.console.progress import Reporter
from hdf.training.prepare import Run
from hdf.types import RunFacts


def tell(run: Run, reporter: Reporter, event: str, **facts: Any) -> None:
    """Call every plugin's implementation of a run event, each on its own; the writer alone does.

    One that raises is reported, with its traceback in the log, and does not stop the run.

    Args:
        event: one of the hooks of `hdf.registry.kinds.RUN_EVENTS`.
        facts: what the hook is given beside the run.
    """
    if not run.world.is_writer:
        return
    registry = run.registry
    for plugin in registry.implementers(event):
        try:
            registry.call_one(plugin, event, run=_facts_of(run), **facts)
        except Exception as error:
            name = registry.manager.get_name(plugin)
            reporter.say(f"plugin {name} failed in {event}: {type(error).__name__}: {error}")
            reporter.record(traceback.format_exc())


def _facts_of(run: Run) -> RunFacts:
    return RunFacts(
        run.recipe.name,
        run.folder,
        run.recipe,
        run.checked.resolved(),
        run.store.labels,
        str(run.compute.device),
        run.compute.precision,
        run.world.size,
        len(run.split.train),
        len(run.split.val),
        run.detector,
        run,
    )
