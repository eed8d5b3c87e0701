"""Generated pages are up to date, links lead somewhere, and decisions have their parts."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from hdf.recipe.load import packaged_recipes
from hdf.tools.doctor.installation import EXTRAS
from tests.docs.documentation import DOCS

GENERATE = runpy.run_path(str(DOCS / "generate.py"), run_name="generate")
PAGES = sorted(path.relative_to(DOCS) for path in DOCS.rglob("*.md"))
TOP = [DOCS.parent / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")]


def test_the_components_page_is_up_to_date() -> None:
    committed = (DOCS / "components.md").read_text(encoding="utf-8")
    assert committed == GENERATE["page"](), f"docs/components.md is old; run: {GENERATE['COMMAND']}"


def test_every_option_says_what_it_means() -> None:
    silent = re.findall(r"^\| (`\w+`) \|.*\|  \|$", GENERATE["page"](), re.MULTILINE)
    assert not silent


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings]
    return {heading.replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", [*(DOCS / page for page in PAGES), *TOP], ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if target.startswith("https://"):
            continue
        file, _, anchor = target.partition("#")
        other = (page.parent / file).resolve() if file else page
        assert other.is_file(), f"{page.name}: {target}"
        assert not anchor or anchor in anchors(other), f"{page.name}: {target}"


def test_the_index_names_every_page() -> None:
    index = (DOCS / "index.md").read_text(encoding="utf-8")
    missing = [str(page) for page in PAGES if f"]({page})" not in index and page.name != "index.md"]
    assert not missing


def test_decisions_are_numbered_without_a_gap() -> None:
    names = sorted(path.name for path in (DOCS / "decisions").glob("*.md"))
    assert [int(name[:4]) for name in names] == list(range(1, len(names) + 1))


@pytest.mark.parametrize("page", sorted((DOCS / "decisions").glob("*.md")), ids=lambda p: p.name)
def test_a_decision_has_its_three_parts(page: Path) -> None:
    headings = re.findall(r"^(#+ .+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[0].startswith(f"# {int(page.name[:4])}. ")
    assert headings[1:] == ["## Context", "## Decision", "## Consequences"]


def test_the_readme_lists_the_packaged_recipes() -> None:
    text = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    assert {f"`{path.stem}`" for path in packaged_recipes()} <= set(re.findall(r"`\w+`", text))


def test_the_doctor_s_page_names_every_extra_that_is_looked_at() -> None:
    page = (DOCS / "doctor.md").read_text(encoding="utf-8")
    (row,) = re.findall(r"^\| `extras` \|(.*)\|$", page, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", row)) == set(EXTRAS)
