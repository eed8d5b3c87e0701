"""A built-in plugin imports what is published, and nothing else; no more than a stranger may."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import hdf_plugins

PUBLISHED = {
    *("hdf", "hdf.boxes", "hdf.errors", "hdf.hookspecs", "hdf.ratio"),
    *("hdf.drawing", "hdf.files", "hdf.images", "hdf.inference", "hdf.testing", "hdf.types"),
}
EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "hdf-dicom-sr" / "hdf_dicom_sr"
PLUGINS = sorted(Path(hdf_plugins.__file__).parent.rglob("*.py"))


def imported(path: Path) -> Iterator[tuple[str, str]]:
    """Module and name of every import from hdf, wherever in the file it stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from ((node.module, alias.name) for alias in node.names)


@pytest.mark.parametrize(
    "path", [*PLUGINS, *sorted(EXAMPLE.rglob("*.py"))], ids=lambda path: path.stem
)
def test_what_a_plugin_imports_is_published(path: Path) -> None:
    for module, name in imported(path):
        if module.partition(".")[0] == "hdf":
            assert module in PUBLISHED, f"{path.name} imports {module}, which is not published"
            known = getattr(import_module(module), "__all__", [name])
            submodule = f"{module}.{name}" in PUBLISHED
            assert not name or name in known or submodule, f"{module} does not export {name}"
