"""What the pages about the code name is there."""

from __future__ import annotations

import pkgutil
import re

import pytest

import hdf
from tests.docs.documentation import DOCS


@pytest.mark.parametrize("page", ["how-a-run-works.md", "architecture.md"])
def test_every_name_exists(page: str) -> None:
    names = re.findall(r"`(hdf(?:\.\w+)+)`", (DOCS / page).read_text(encoding="utf-8"))
    for name in names:
        pkgutil.resolve_name(name)  # raises where there is no such name


def test_the_layout_names_every_package_and_no_other() -> None:
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", text, re.MULTILINE)
    told = {name for row in rows for name in re.findall(r"\w+", row)}
    there = list(pkgutil.iter_modules(hdf.__path__))
    assert told <= {item.name for item in there}
    assert {item.name for item in there if item.ispkg} - told <= {"export"}  # an old name
