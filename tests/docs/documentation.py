"""The documentation's pages and code blocks, and what a reader who follows them is left with."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import NamedTuple, Protocol

DOCS = Path(__file__).parents[2] / "docs"
TRANSCRIPT = runpy.run_path(str(DOCS / "transcript.py"), run_name="transcript")
PLUGINS = (
    "yolo_folder.py",
    "invert.py",
    "tinyconv.py",
    "direct_box.py",
    "iou_histogram.py",
    "tracker.py",
)
_FENCE = re.compile(r"^( *)```(\w+)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A fenced block; a comment in its first line may name its file."""

    language: str
    text: str

    @property
    def name(self) -> str:
        first = self.text.partition("\n")[0]
        return first.removeprefix("# ") if re.fullmatch(r"# [\w/]+\.\w+", first) else ""


def blocks(page: str) -> list[Block]:
    """All fenced blocks of a page of the documentation."""
    text = (DOCS / page).read_text(encoding="utf-8")
    return [Block(language, body) for _, language, body in _FENCE.findall(text)]


def named_blocks(page: str) -> dict[str, str]:
    """The text of the blocks that name a file."""
    found = [block for block in blocks(page) if block.name]
    assert len({block.name for block in found}) == len(found), "two blocks name one file"
    return {block.name: block.text for block in found}


class Followed(Protocol):
    """A page with the outputs of this very machine, and the folder they were made in."""

    text: str
    folder: Path


def section(page: str, heading: str) -> str:
    """The text below a heading, up to the next one of any level."""
    text = (DOCS / page).read_text(encoding="utf-8")
    _, found, below = text.partition(f"\n{heading}\n")
    assert found, f"{page} has no heading {heading!r}"
    return re.split(r"^#+ ", below, maxsplit=1, flags=re.MULTILINE)[0]


class Finished(NamedTuple):
    """What a run left behind."""

    folder: Path
    tracked: Path
