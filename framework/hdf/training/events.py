"""What plugins are told of a run, and when visualizers draw."""

from __future__ import annotations

import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hdf.console.progress import Reporter
from hdf.evaluation.evaluate import Evaluation
from hdf.training.prepare import Run
from hdf.types import RunFacts

if TYPE_CHECKING:
    from hdf.visualize.view import View


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


def draw(
    run: Run,
    reporter: Reporter,
    when: Literal["epoch", "end"],
    evaluation: Evaluation,
    history: Sequence[Mapping[str, Any]],
    metrics: Mapping[str, Any] | None = None,
) -> list[Path]:
    """Run the visualizers whose time has come; one that raises is reported, and the run goes on.

    Returns:
        The pictures that were written, below the run's ``figures``.
    """
    chosen = [visualizer for visualizer in run.visualizers if visualizer.when == when]
    if not chosen:
        return []
    view = _view(run, evaluation, history, metrics or {})
    figures = run.folder.figures
    folder = figures / f"epoch-{len(history):03}" if when == "epoch" else figures
    folder.mkdir(exist_ok=True)
    return [path for item in chosen for path in _attempt(item, view, folder, reporter)]


def _view(
    run: Run,
    evaluation: Evaluation,
    history: Sequence[Mapping[str, Any]],
    metrics: Mapping[str, Any],
) -> View:
    from hdf.visualize.view import NetworkImages, View  # not above: for visualizers alone

    recipe, augment = run.recipe, run.augment
    batch_size = recipe.train.batch_size
    return View(
        run.store.labels,
        [run.store.samples[index] for index in evaluation.index],
        evaluation.targets,
        evaluation.detections,
        history,
        metrics,
        run.detector,
        NetworkImages(
            run.store, evaluation.index, run.split.train, batch_size, augment, recipe.seed
        ),
    )


def _attempt(visualizer: Any, view: View, folder: Path, reporter: Reporter) -> list[Path]:
    try:
        return list(visualizer.draw(view, folder))
    except Exception as error:
        name = type(visualizer).__name__
        reporter.say(f"visualizer {name} failed: {type(error).__name__}: {error}")
        reporter.record(traceback.format_exc())
        return []
