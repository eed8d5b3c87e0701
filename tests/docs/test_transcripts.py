"""What the pages show of commands' output is what the commands print."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest

from hdf.cli.main import hdf
from tests.docs.conftest import Follow
from tests.docs.documentation import DOCS, TRANSCRIPT, Block, blocks

GENERATED = ("api.md", "commands.md", "components.md")
PAGES = [DOCS.parent / "README.md", *sorted(DOCS.rglob("*.md"))]
BY_PEOPLE = [page for page in PAGES if page.name not in GENERATED]
# The blocks that no test here runs: their beginnings, and why.
BY_HAND = {
    "README.md": {
        "import hdf\n\n\n@hdf.hookimpl": "the hook alone; docs/plugins.md has whole plugins",
    },
    "architecture.md": {
        "cli\n": "the layers of pyproject.toml: tests/docs/test_architecture.py",
    },
    "data.md": {
        "films/film-001.png": "names of files, no output",
    },
    "distributed.md": {
        "error: process 1 (of 2": "a process has to be killed: tests/cli/test_processes.py",
    },
    "examples/hdf-dicom-sr/README.md": {
        "from pathlib import Path": "needs the package: its own tests run it",
    },
    "plugins.md": {
        "hdf-tinyconv/\n": "names of files, no output",
        "  error: recipe.yaml:9": "of a plugin that stands below it: tests/docs/test_plugins.py",
    },
    "preview.md": {
        "data.loader.count=60": "changes of a recipe, no output: docs/pictures.py draws with them",
    },
    "stability.md": {
        "hdf_api = ": "a line of a plugin: tests/registry tries it",
    },
    "recipes.md": {
        "train.epochs=5\n": "changes of a recipe, no output: tests/docs/test_recipes.py",
    },
    "review.md": {
        "http://127.0.0.1:8017/": "a server, which does not end: tests/cli/test_review.py",
    },
    "run-folder.md": {
        "heart: nearly the same": "a run that learns nothing: tests/training/test_hopeless.py",
        "runs/vgg16_mse/": "names of files: tests/docs/test_run_folder.py",
        "NAME-crossval/": "names of files: tests/docs/test_run_folder.py",
    },
}


def name(page: Path) -> str:
    return page.relative_to(DOCS).as_posix() if page.is_relative_to(DOCS) else page.name


def blocks_of(page: Path) -> list[Block]:
    return blocks(str(page))


@pytest.mark.parametrize("page", TRANSCRIPT["pages"](), ids=name)
def test_outputs_are_up_to_date(page: Path, follow: Follow) -> None:
    text = page.read_text(encoding="utf-8")
    assert follow(page).text == text, f"{name(page)} is old; run: {TRANSCRIPT['COMMAND']}"


@pytest.mark.parametrize("page", BY_PEOPLE, ids=name)
def test_what_is_not_run_is_listed(page: Path) -> None:
    shown = [
        block.text
        for block in blocks_of(page)
        if block.language == "text" or (block.language == "python" and not block.name)
    ]
    known = tuple(BY_HAND.get(name(page), {}))
    fresh = [text for text in shown if not text.startswith(known)]
    assert not fresh, f"show it with its command in a block of console, or list it in {__file__}"
    assert all(any(text.startswith(one) for text in shown) for one in known), "listed in vain"


def commands(page: Path) -> list[str]:
    """What follows on ``hdf`` in blocks of ``sh``, which are not run, and in the text."""
    text = page.read_text(encoding="utf-8")
    scripts = "".join(block.text for block in blocks_of(page) if block.language == "sh")
    lines = scripts.replace("\\\n", " ").splitlines()
    typed = [found[1] for line in lines if (found := re.search(r"\bhdf (?!>)(.*)", line))]
    return typed + re.findall(r"(?<!`)`hdf ([^`]*)`", text.replace("\n", " "))


@pytest.mark.parametrize("page", BY_PEOPLE, ids=name)
def test_commands_have_the_options_that_the_pages_name(page: Path) -> None:
    for command in commands(page):
        first, *rest = shlex.split(command, comments=True)
        meant = hdf if first.startswith("-") else hdf.get_command(click.Context(hdf), first)
        assert meant is not None, f"hdf {first}"
        known = {"--help", *(option for item in meant.params for option in item.opts)}
        named = {word.partition("=")[0] for word in [first, *rest] if word.startswith("--")}
        assert named <= known, f"hdf {command}"


def test_a_changed_line_is_a_change_of_shape_and_a_time_is_not() -> None:
    shape = TRANSCRIPT["shape"]
    assert shape("epoch 1/10  loss 5.9  1.1 s\n") == shape("epoch 1/10  loss 15.93  0.7 s\n")
    assert shape("within 3.1e-05 px\n") == shape("within 0.0002 px\n")
    assert shape("120 images: 90 to train\n") != shape("120 images: 90 to learn\n")


def followed(folder: Path, *lines: str) -> str:
    page = folder / "page.md"
    page.write_text("\n".join(["```console", *lines, "```", ""]), encoding="utf-8")
    shown: str = TRANSCRIPT["follow"](page, folder).text
    return shown


def test_an_old_output_is_renewed(tmp_path: Path) -> None:
    assert "\n$ hdf --version\nhdf " in followed(tmp_path, "$ hdf --version", "something else")


def test_a_command_with_a_comment_shows_nothing(tmp_path: Path) -> None:
    assert followed(tmp_path, "$ hdf recipes  # all") == "```console\n$ hdf recipes  # all\n```\n"


@pytest.mark.parametrize(
    "lines",
    [
        ("$ hdf run missing.yaml",),
        ("$ hdf --version", "error: no"),
        ("$ hdf run missing.yaml  # exit code 1",),
        ("$ ls missing",),
    ],
)
def test_an_exit_code_that_the_page_does_not_show_ends_it(
    tmp_path: Path, lines: tuple[str, ...]
) -> None:
    with pytest.raises(RuntimeError, match="exit code"):
        followed(tmp_path, *lines)


def test_an_error_that_the_page_shows_is_held_to_its_words(tmp_path: Path) -> None:
    shown = followed(tmp_path, "$ hdf run missing.yaml", "error: something else")
    assert "error: missing.yaml" in shown
    assert "something else" not in shown


def test_a_page_begins_where_another_ends(tmp_path: Path) -> None:
    (tmp_path / "first.md").write_text("```yaml\n# made.yaml\n```\n```console\n$ ls\n```\n")
    (tmp_path / "second.md").write_text(
        "<!-- begins where first.md ends -->\n```console\n$ ls\n```\n"
    )
    assert "$ ls\nmade.yaml\n" in TRANSCRIPT["follow"](tmp_path / "second.md", tmp_path).text
