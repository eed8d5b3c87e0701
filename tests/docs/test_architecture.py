"""What architecture.md says of the packages is what there is."""

from __future__ import annotations

import re
import tomllib

from tests.docs.documentation import DOCS

PAGE = (DOCS / "architecture.md").read_text(encoding="utf-8")


def test_the_layers_are_those_of_the_contract() -> None:
    project = tomllib.loads((DOCS.parent / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = project["tool"]["importlinter"]["contracts"]
    layers = next(contract["layers"] for contract in contracts if contract["type"] == "layers")
    shown = re.search(r"```text\n(.*?)```", PAGE, re.DOTALL)
    assert shown is not None
    expected = [layer.replace("hdf.", "").replace(" | ", ", ") for layer in layers]
    assert shown[1].splitlines() == expected


def test_every_package_is_listed() -> None:
    listed = set(re.findall(r"`(\w+)`", "".join(re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE))))
    moved = {"dicom", "export"}
    there = {
        path.stem
        for path in (DOCS.parent / "framework" / "hdf").iterdir()
        if not path.name.startswith("_") and path.name != "py.typed"
    }
    assert listed - {"hdf"} == there - moved
