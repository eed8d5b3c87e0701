"""Writing a plugin's package from the templates inside hdf."""

from __future__ import annotations

import os
import shutil
from dataclasses import asdict
from pathlib import Path
from tempfile import mkdtemp

from jinja2 import Environment, PackageLoader, StrictUndefined

from hdf.errors import user_error
from hdf.files.atomic import naming
from hdf.hookspecs import API
from hdf.registry.kinds import KINDS
from hdf.tools.new_plugin.names import Names

EXAMPLES = 24
SIDE = 64


def write_plugin(names: Names, parent: Path) -> Path:
    """Write ``hdf-NAME/`` into a folder, atomically.

    Returns:
        The package's folder.

    Raises:
        UserError: something with that name exists.
    """
    folder = parent / names.distribution
    if folder.exists() or folder.is_symlink():
        raise user_error("is there already, and nothing is overwritten", where=str(folder))
    with naming(folder):
        unfinished = Path(mkdtemp(prefix=f".{names.distribution}.", dir=parent))
    try:
        _fill(unfinished, names)
        unfinished.chmod(0o777 & ~_umask())  # which mkdtemp keeps to its owner
        unfinished.rename(folder)
    except BaseException:
        shutil.rmtree(unfinished)
        raise
    return folder


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def _fill(folder: Path, names: Names) -> None:
    loader = PackageLoader("hdf.tools.new_plugin")
    environment = Environment(
        loader=loader,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    for name, template in _files(names).items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        facts = {**asdict(names), "check": KINDS[names.kind].check, "api": API}
        text = environment.get_template(f"{template}.j2").render(facts)
        path.write_text(text, encoding="utf-8")
    if names.kind == "loader":
        _write_example(folder / "example")


def _files(names: Names) -> dict[str, str]:
    """The files of a package, and the template of each."""
    return {
        "pyproject.toml": "pyproject.toml",
        "README.md": "README.md",
        "LICENSE": "LICENSE",
        ".gitignore": "gitignore",
        "recipe.yaml": "recipe.yaml",
        f"{names.module}/__init__.py": "__init__.py",
        f"{names.module}/{names.kind}.py": KINDS[names.kind].template,
        f"tests/test_{names.kind}.py": "test.py",
    }


def _write_example(folder: Path) -> None:
    """Write bright ellipses on noise, with their boxes, as data for a loader."""
    import numpy as np
    from PIL import Image

    random = np.random.default_rng(0)
    rows, columns = np.mgrid[:SIDE, :SIDE] + 0.5
    folder.mkdir()
    for number in range(EXAMPLES):
        x, y, across, down = random.uniform([24, 24, 8, 8], [40, 40, 20, 20]).round()
        inside = ((columns - x) / across) ** 2 + ((rows - y) / down) ** 2 < 1
        grey = 60 + 120 * inside + random.normal(0, 10, (SIDE, SIDE))
        Image.fromarray(grey.clip(0, 255).astype(np.uint8)).save(folder / f"{number:02}.png")
        line = f"heart {x - across:g} {y - down:g} {x + across:g} {y + down:g}\n"
        (folder / f"{number:02}.txt").write_text(line, encoding="utf-8")
