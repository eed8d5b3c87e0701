"""docs/review.md tells the options, keys and columns that there are."""

from __future__ import annotations

import re
from html import unescape

import click
import pytest

pytest.importorskip("starlette", reason="the extra review is not installed")

from hdf.cli.review import PORT, review
from hdf.tools.review.app import PAGE
from hdf.tools.review.table import COLUMNS, FLAGGED
from tests.docs.documentation import DOCS, section

TEXT = (DOCS / "review.md").read_text(encoding="utf-8")


def test_every_option_is_told() -> None:
    told = set(re.findall(r"^\| `(--[\w-]+)", TEXT, re.MULTILINE))
    options = [item for item in review.params if isinstance(item, click.Option)]
    assert told == {item.opts[0] for item in options if item.name != "help"}
    assert f"| `--port N` | by default {PORT}" in TEXT


def test_the_keys_are_those_that_the_page_lists() -> None:
    page = (PAGE / "index.html").read_text(encoding="utf-8")
    listed = re.findall(r"<kbd>(.+?)</kbd>", "".join(re.findall(r"<dt>.*?</dt>", page)))
    told = re.findall(r"`(.+?)`", "".join(re.findall(r"^\| (`.*?) \|", keys(), re.MULTILINE)))
    assert {unescape(key).replace("−", "-") for key in listed} | {"?"} == set(told)
    code = (PAGE / "keys.js").read_text(encoding="utf-8")
    for key in ("Enter", "f", "n", "r", "h", "0"):
        assert re.search(rf"^    {key}: ", code, re.MULTILINE)


def keys() -> str:
    return section("review.md", "## On the page")


def test_the_columns_are_told() -> None:
    written = section("review.md", "## What is written")
    assert {f"`{column}`" for column in (*COLUMNS, *FLAGGED)} <= set(re.findall(r"`\w+`", written))
