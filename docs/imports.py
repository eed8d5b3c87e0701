"""Count hdf's modules that are imported between the command line and the first training step.

python docs/imports.py [RECIPE [key.path=value ...]]
"""

from __future__ import annotations

import sys
from tempfile import TemporaryDirectory
from typing import Any

from torch.optim.optimizer import register_optimizer_step_pre_hook

SMALL = ["data.loader.count=40", "train.epochs=1", "visualize=[]"]


class _FirstStep(BaseException):
    """Ends the run before its first training step."""


def imported(arguments: list[str]) -> list[str]:
    """The names of hdf's modules in memory when ``hdf run`` is about to take its first step."""
    from hdf.__main__ import main

    def stop(*_: Any) -> None:
        raise _FirstStep

    handle = register_optimizer_step_pre_hook(stop)
    try:
        with TemporaryDirectory() as folder:
            sys.argv = ["hdf", "run", *arguments, "--out", f"{folder}/run"]
            main()
    except (_FirstStep, SystemExit):
        pass
    finally:
        handle.remove()
    return sorted(name for name in sys.modules if name.split(".")[0] in ("hdf", "hdf_plugins"))


if __name__ == "__main__":
    names = imported(sys.argv[1:] or ["recipes/vgg16_mse.yaml", *SMALL])
    print(*names, f"{len(names)} modules", sep="\n")
