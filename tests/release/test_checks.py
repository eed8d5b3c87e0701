"""What `.ci/release` refuses: archives that depart from the sources, licences that bind."""

from __future__ import annotations

import runpy
import tarfile
from collections.abc import Callable
from email.message import Message
from pathlib import Path
from zipfile import ZipFile

import pytest

CI = Path(__file__).parents[2] / ".ci"
ARCHIVES = runpy.run_path(str(CI / "check_archives.py"))
LICENCES = runpy.run_path(str(CI / "check_licences.py"))
FACTS = "hdf_x-1.2.dist-info"
SOURCES = {
    "README.md": "# hdf\n",
    "LICENSE": "Apache License\n",
    "framework/hdf/__init__.py": "",
    "framework/hdf/models/weights/a.safetensors": "weights",
    "plugins/hdf_plugins/__init__.py": "",
    "recipes/a.yaml": "name: a\n",
    "tests/test_a.py": "",
}
METADATA = """\
Metadata-Version: 2.4
Name: hdf-x
Version: 1.2
License-Expression: Apache-2.0
Description-Content-Type: text/markdown

# hdf
"""
WHEEL = {
    "hdf/__init__.py": "",
    "hdf/models/weights/a.safetensors": "weights",
    "hdf_plugins/__init__.py": "",
    "hdf/recipes/a.yaml": "name: a\n",
    f"{FACTS}/licenses/LICENSE": "Apache License\n",
    f"{FACTS}/METADATA": METADATA,
    **{f"{FACTS}/{name}": "" for name in ("RECORD", "WHEEL", "entry_points.txt")},
}
Check = Callable[[dict[str, str], dict[str, str]], str]


@pytest.fixture
def check(tmp_path: Path) -> Check:
    """The check of a wheel and of a source archive of these files."""

    def archives(wheel: dict[str, str], sources: dict[str, str]) -> str:
        for folder, files in (("sources", SOURCES), ("hdf_x-1.2", sources)):
            for name, text in files.items():
                path = tmp_path / folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
        with ZipFile(tmp_path / "hdf_x-1.2-py3-none-any.whl", "w") as file:
            for name, text in wheel.items():
                file.writestr(name, text)
        with tarfile.open(tmp_path / "hdf_x-1.2.tar.gz", "w:gz") as packed:
            packed.add(tmp_path / "hdf_x-1.2", "hdf_x-1.2")
        return str(ARCHIVES["check"](tmp_path / "sources", tmp_path))

    return archives


def test_archives_of_the_sources_are_in_order(check: Check) -> None:
    assert check(WHEEL, SOURCES | {"PKG-INFO": METADATA}).startswith(
        "hdf_x-1.2-py3-none-any.whl: 9 "
    )


@pytest.mark.parametrize(
    ("wheel", "message"),
    [
        ({"hdf/models/weights/a.safetensors": None}, r"lacks hdf/models/weights/a\.safetensors$"),
        ({"hdf/recipes/a.yaml": None}, r"lacks hdf/recipes/a\.yaml$"),
        ({f"{FACTS}/licenses/LICENSE": None}, "lacks .*LICENSE"),
        ({"tests/test_a.py": ""}, r"should not hold tests/test_a\.py"),
        ({"hdf/__pycache__/a.pyc": ""}, r"should not hold hdf/__pycache__/a\.pyc"),
        (
            {"hdf/models/weights/a.safetensors": "weightz"},
            r"another hdf/models/weights/a\.safetensors",
        ),
        ({f"{FACTS}/METADATA": METADATA.replace("Apache-2.0", "MIT")}, "MIT"),
        ({f"{FACTS}/METADATA": METADATA.replace("1.2", "1.3")}, "1.3"),
    ],
)
def test_a_wheel_that_departs_is_refused(
    check: Check, wheel: dict[str, str | None], message: str
) -> None:
    files = {name: text for name, text in (WHEEL | wheel).items() if text is not None}
    with pytest.raises(AssertionError, match=message):
        check(files, SOURCES)


def test_a_source_archive_without_its_tests_is_refused(check: Check) -> None:
    sources = {name: text for name, text in SOURCES.items() if not name.startswith("tests")}
    with pytest.raises(AssertionError, match=r"hdf_x-1\.2\.tar\.gz lacks tests/test_a\.py"):
        check(WHEEL, sources)


def test_a_wheel_may_not_grow_without_end(check: Check, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ARCHIVES["check"].__globals__, "MAX_BYTES", 100)
    with pytest.raises(AssertionError, match="more than 100"):
        check(WHEEL, SOURCES)


@pytest.mark.parametrize(
    ("fields", "permissive"),
    [
        ({"License-Expression": "BSD-3-Clause AND (MIT OR GPL-2.0-only)"}, True),
        ({"License-Expression": "MIT AND MPL-2.0"}, False),
        ({"Classifier": "License :: OSI Approved :: MIT License", "License": "any text"}, True),
        ({"Classifier": "License :: OSI Approved :: GNU General Public License (GPL)"}, False),
        ({"License": "BSD"}, True),
        ({"Classifier": "Topic :: Software Development"}, False),
    ],
)
def test_licences_that_bind_are_refused(fields: dict[str, str], permissive: bool) -> None:
    metadata = Message()
    for name, text in fields.items():
        metadata[name] = text
    assert LICENCES["is_permissive"](LICENCES["stated"](metadata)) == permissive
