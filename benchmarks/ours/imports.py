"""What ``hdf predict`` imports before it answers: milliseconds by package, their own code alone."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from benchmarks.radiographs import write_images

LINE = re.compile(r"^import time:\s+(\d+) \|\s+\d+ \|\s+(\S+)$", re.MULTILINE)
MAIN = "from hdf.cli.main import main; main()"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        images, _ = write_images(Path(folder), 1)
        command = [sys.executable, "-X", "importtime", "-c", MAIN, "predict", str(images)]
        subprocess.run(command, check=True, capture_output=True)  # once, so that files are cached
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    print(json.dumps(by_package(done.stderr)))


def by_package(said: str) -> dict[str, float]:
    """Milliseconds of each top-level package, from the interpreter's ``-X importtime``.

    A module counts its own code, not what it imports; the standard library is one package.
    """
    found: Counter[str] = Counter()
    for microseconds, module in LINE.findall(said):
        package = module.partition(".")[0]
        name = "standard library" if package in sys.stdlib_module_names else package
        found[name] += int(microseconds)
    return {name: microseconds / 1000 for name, microseconds in found.items()}


if __name__ == "__main__":
    main()
