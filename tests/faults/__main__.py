"""The whole bench, or parts of it: ``python -m tests.faults [NAME[=COUNT] …]``."""

from __future__ import annotations

import sys
import time
from importlib import import_module

PARTS: dict[str, int] = {
    "kill": 100,
    "checkpoints": 200,
    "disk": 12,
    "memory": 200,
    "processes": 5,
    "recipes": 5000,
    "tables": 5000,
    "images": 18_000,
    "model_files": 200,
    "pickles": 200,
    "review_kills": 50,
}
"""How often each part is tried. A part is the module of that name here: ``bench(count)`` gives an
`tests.faults.outcome.Outcome`."""


def main(arguments: list[str]) -> int:
    """Run what was named, print the counts, and fail where anything went wrong."""
    chosen = dict(argument.partition("=")[::2] for argument in arguments) or dict.fromkeys(
        PARTS, ""
    )
    failed = False
    for name, count in chosen.items():
        began = time.perf_counter()
        outcome = import_module(f"tests.faults.{name}").bench(int(count or PARTS[name]))
        print(f"{name}: {outcome} ({time.perf_counter() - began:.0f} s)", flush=True)
        for line in outcome.wrong:
            print(f"  {line}")
        failed = failed or bool(outcome.wrong)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
