"""What plugins are told of a run, and when visualizers draw."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

from hdf.console.progress import Reporter
from hdf.evaluation.evaluate import Evaluation
from hdf.training.prepare import Run
from hdf.types import RunFacts


def tell(run: Run, reporter: Reporter, event: str, **facts: Any) -> None:
    """Let the writer call every plugin's implementation of one of `hdf.registry.kinds.RUN_EVENTS`.

    It is given `facts` beside the run. One that raises is reported, with its traceback in the log.
    """
    if not run.world.is_writer:
        return
    registry = run.registry
    for plugin in registry.implementers(event):
        name = registry.manager.get_name(plugin)
        with _reported(reporter, f"plugin {name} failed in {event}"):
            registry.call_one(plugin, event, run=_facts_of(run), **facts)


@contextmanager
def _reported(reporter: Reporter, what: str) -> Iterator[None]:
    """Let the run go on where the block raises; the traceback goes into the log."""
    try:
        yield
    except Exception as error:
        reporter.say(f"{what}: {type(error).__name__}: {error}")
        reporter.record(traceback.format_exc())


def _facts_of(run: Run) -> RunFacts:
    recipe, compute, split = run.recipe, run.compute, run.split
    return RunFacts(
        recipe.name,
        run.folder,
        recipe,
        run.checked.resolved(),
        run.store.labels,
        str(compute.device),
        compute.precision,
        run.world.size,
        len(split.train),
        len(split.val),
        run.detector,
        run,
    )


def draw(
    run: Run,
    reporter: Reporter,
    when: Literal["epoch", "end"],
    evaluation: Evaluation,
    history: Sequence[Mapping[str, Any]],
    metrics: Mapping[str, Any] | None = None,
) -> None:
    """Run the visualizers whose time has come; one that raises is reported, and the run goes on."""
    chosen = [visualizer for visualizer in run.visualizers if visualizer.when == when]
    if not chosen:
        return
    from hdf.visualize.view import NetworkImages, View  # not above: for visualizers alone

    store, train, batch_size = run.store, run.split.train, run.recipe.train.batch_size
    images = NetworkImages(store, evaluation.index, train, batch_size, run.augment, run.recipe.seed)
    view = View(
        store.labels,
        [store.samples[index] for index in evaluation.index],
        evaluation.targets,
        evaluation.detections,
        history,
        metrics or {},
        run.detector,
        images,
    )
    figures = run.folder.figures
    folder = figures / f"epoch-{len(history):03}" if when == "epoch" else figures
    folder.mkdir(exist_ok=True)
    for visualizer in chosen:
        with _reported(reporter, f"visualizer {type(visualizer).__name__} failed"):
            visualizer.draw(view, folder)
