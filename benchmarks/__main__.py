"""Run benchmarks by name: ``python -m benchmarks [--write PAGE] [NAME ...]``."""

from __future__ import annotations

import argparse
import datetime
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import NAMES, machine, page
from benchmarks.bars import BARS


def main(words: Sequence[str]) -> int:
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of: {', '.join(NAMES)}")
    parser.add_argument("--write", type=Path, metavar="PAGE", help="put the figures into a page")
    chosen = parser.parse_args(words)
    unknown = [name for name in chosen.names if name not in NAMES]
    if unknown:
        parser.error(f"no benchmark is called {unknown[0]!r}; there are: {', '.join(NAMES)}")
    for name in chosen.names or NAMES:
        rows = _run(name)
        if chosen.write:
            day = datetime.date.today().isoformat()
            page.write(chosen.write, name, rows, day, machine.describe())
    return 0


def _run(name: str) -> list[tuple[str, str]]:
    module = importlib.import_module(f"benchmarks.{name.replace('-', '_')}")
    print(f"\n{name}: {module.__doc__}")
    rows = []
    for what, figure in module.rows():
        bar = BARS.get(name, {}).get(what)
        aim = "" if bar is None else f"   [{bar}{': MISSED' if bar.missed_by(figure) else ''}]"
        print(f"  {what:<60} {figure}{aim}", flush=True)
        rows.append((what, figure))
    return rows


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
