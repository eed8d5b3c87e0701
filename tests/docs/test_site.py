"""The documentation as a site: every page is in its navigation, and no link is broken."""

from __future__ import annotations

import re
import runpy
import shutil
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import hdf
from tests.docs.documentation import DOCS

SURFACE = runpy.run_path(str(DOCS / "surface.py"), run_name="surface")
CONFIG = tomllib.loads((DOCS / "zensical.toml").read_text(encoding="utf-8"))["project"]


def entries(nav: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Title and page of all entries, in order."""
    for entry in nav:
        for title, below in entry.items():
            yield from [(title, below)] if isinstance(below, str) else entries(below)


def test_every_page_is_in_the_navigation_once() -> None:
    pages = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md")}
    named = [page for _, page in entries(CONFIG["nav"])]
    assert sorted(named) == sorted(pages), "add the page to nav in docs/zensical.toml"


def test_decisions_have_their_own_titles() -> None:
    for title, page in entries(CONFIG["nav"]):
        if page.startswith("decisions/"):
            assert (DOCS / page).read_text(encoding="utf-8").startswith(f"# {title}\n")


def test_the_python_reference_has_every_public_module() -> None:
    named = re.findall(
        r"^::: (.+)$", (DOCS / "python.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    assert named == [*SURFACE["MODULES"], "hdf.hookspecs"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built from a copy, so that nothing is left in the checkout."""
    pytest.importorskip("mkdocstrings", reason="needs the extra docs")
    zensical = pytest.importorskip("zensical.main", reason="needs the extra docs")
    root = tmp_path_factory.mktemp("site")
    docs = shutil.copytree(DOCS, root / "docs", ignore=shutil.ignore_patterns("site", ".cache"))
    (root / "framework").symlink_to(DOCS.parent / "framework")
    arguments = ["build", "--strict", "-f", str(docs / "zensical.toml")]
    result = CliRunner().invoke(zensical.cli, arguments)
    assert result.exit_code == 0, "zensical build --strict -f docs/zensical.toml tells more"
    return docs / "site"


def test_every_page_is_built(site: Path) -> None:
    for _, page in entries(CONFIG["nav"]):
        built = page.removesuffix("README.md").removesuffix(".md") + (
            "index.html" if page.endswith("README.md") else ".html"
        )
        assert (site / built).is_file(), built


def test_the_python_reference_has_the_docstrings(site: Path) -> None:
    page = (site / "python.html").read_text(encoding="utf-8")
    built = set(re.findall(r'id="(hdf[.\w]+)"', page))
    assert {f"hdf.{name}" for name in set(hdf.__all__) - {"__version__", "hookimpl"}} <= built
    assert {"hdf.boxes.iou", "hdf.testing.check_backbone", "hdf.hookspecs.hdf_heads"} <= built


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    fetched = re.compile(r'\ssrc="(?:https?:)?//|<link[^>]+href="(?:https?:)?//|url\("?https?:')
    files = [*site.rglob("*.html"), *site.rglob("*.css")]
    assert len(files) > 20
    assert not [path.name for path in files if fetched.search(path.read_text(encoding="utf-8"))]
