"""A recipe's training steps under PyTorch's profiler: milliseconds an image by part."""

from __future__ import annotations

import json
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch.autograd.profiler_util import FunctionEvent
from torch.profiler import ProfilerActivity, profile, record_function

from benchmarks.ours.quality import prepared
from hdf.data.batches import Batches
from hdf.runtime.resources import keep_freed_memory
from hdf.runtime.world import ALONE
from hdf.training.learner import Learner
from hdf.training.state import new_state

PARTS = {
    "augmentation": ("hdf: augmentation",),
    "normalisation": ("hdf: normalisation",),
    "loss": ("hdf: loss",),
    "averaged weights": ("hdf: average",),
    "clipping": ("hdf: clipping",),
    "optimiser": ("Optimizer.step", "Optimizer.zero_grad"),
    "convolution backward": ("ConvolutionBackward", "convolution_backward"),
    "convolution forward": ("aten::conv",),
    "batch norm": ("batch_norm", "BatchNorm"),
    "pooling": ("max_pool2d", "MaxPool2D", "avg_pool2d", "AvgPool2D"),
    "activation": ("relu", "Relu", "threshold_backward"),
    "fully connected": ("aten::linear", "AddmmBackward", "aten::addmm"),
    "gradient accumulation": ("AccumulateGrad",),
}
"""Names, or parts of names, of what is recorded; the outermost one that is listed decides."""


def main() -> None:
    recipe, *overrides = sys.argv[1:]
    keep_freed_memory()
    with tempfile.TemporaryDirectory() as folder:
        run = prepared(recipe, tuple(overrides), Path(folder))
    batches = Batches(run.store, run.split.train, run.recipe.train.batch_size)
    learner = new_state(run, 1000).learner
    _label(learner)
    first, *others = batches.shuffled(0, 1)
    learner.learn(first, 1, ALONE.share(len(first)))
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        for batch in others:
            learner.learn(batch, 1, ALONE.share(len(batch)))
    images = sum(len(batch) for batch in others)
    print(json.dumps(by_part(profiler.events(), images)))  # type: ignore[arg-type]


def by_part(events: list[FunctionEvent], images: int) -> dict[str, float]:
    """Milliseconds an image of each part, `rest` included."""
    found: Counter[str] = Counter()
    for event in events:
        found[_part(event)] += event.self_cpu_time_total / 1000 / images
    return dict(found)


def _part(event: FunctionEvent) -> str:
    above: list[str] = []
    place: FunctionEvent | None = event
    while place is not None:
        above.append(place.name)
        place = place.cpu_parent
    for name in reversed(above):
        for part, known in PARTS.items():
            if any(text in name for text in known):
                return part
    return "rest"


def _label(learner: Learner) -> None:
    """Give what is no single operation a name that the profiler sees."""
    _named(learner, "learn", "hdf: step")
    _named(learner, "augment", "hdf: augmentation")
    _named(learner.detector, "normalize", "hdf: normalisation")
    _named(learner.detector, "loss", "hdf: loss")
    _named(learner, "_clip", "hdf: clipping")
    if learner.average is not None:
        _named(learner.average, "update", "hdf: average")


def _named(owner: Any, attribute: str, name: str) -> None:
    inner: Callable[..., Any] | None = getattr(owner, attribute)
    if inner is None:
        return

    def outer(*arguments: Any) -> Any:
        with record_function(name):
            return inner(*arguments)

    setattr(owner, attribute, outer)


if __name__ == "__main__":
    main()
