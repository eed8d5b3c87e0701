"""Run benchmarks by name: ``python -m benchmarks [NAME ...]``."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable

from benchmarks import (
    ablation,
    appearance,
    audit,
    chest200,
    dicoms,
    disturbed,
    engine,
    painted_shapes,
    phantom,
    predict,
    recipes,
    start_up,
    store,
    streaming,
)

Row = tuple[str, str]
BENCHMARKS: dict[str, Callable[[], Iterable[Row]]] = {
    "ablation": ablation.rows,
    "appearance": appearance.rows,
    "audit": audit.rows,
    "chest200": chest200.rows,
    "dicoms": dicoms.rows,
    "disturbed": disturbed.rows,
    "engine": engine.rows,
    "painted-shapes": painted_shapes.rows,
    "phantom": phantom.rows,
    "predict": predict.rows,
    "recipes": recipes.rows,
    "start-up": start_up.rows,
    "store": store.rows,
    "streaming": streaming.rows,
}


def main(names: list[str]) -> int:
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        print(f"no benchmark is called {unknown[0]!r}; there are: {', '.join(BENCHMARKS)}")
        return 2
    for name in names or BENCHMARKS:
        print(f"\n{name}: {sys.modules[BENCHMARKS[name].__module__].__doc__}")
        for what, figure in BENCHMARKS[name]():
            print(f"  {what:<60} {figure}", flush=True)
    return 0


sys.exit(main(sys.argv[1:]))
