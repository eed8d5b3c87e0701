"""Run the commands that the pages show, and renew what they print.

python docs/transcript.py

CONTRIBUTING.md says what a page must be like. An output stays as it is where it has the same shape
as the new one, for times and figures are other ones on every machine.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

from hdf.cli.main import main

DOCS = Path(__file__).parent
COMMAND = "python docs/transcript.py"
LONGEST, HEAD, TAIL = 28, 8, 3
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PROGRESS = re.compile(  # told when some time has passed, on any machine
    r"^([a-z ]+: )?(\d+ of \d+|(now )?(about|at most) .+ in all, until .+"
    r"|what would shorten it: .+)\n",
    re.MULTILINE,
)
_BEGINS = re.compile(r"<!-- begins where ([\w-]+\.md) ends -->")


class Followed(NamedTuple):
    """A page with the outputs of this very machine, and the folder they were made in."""

    text: str
    folder: Path


def pages() -> list[Path]:
    """All that show what commands print."""
    found = [DOCS.parent / "README.md", *sorted(DOCS.rglob("*.md"))]
    return [page for page in found if "\n```console\n" in page.read_text(encoding="utf-8")]


@cache
def follow(page: Path, place: Path) -> Followed:
    """Run a page from top to bottom in a folder below `place`."""
    text, folder = page.read_text(encoding="utf-8"), place / page.stem
    if begins := _BEGINS.search(text):
        before = follow(page.with_name(begins[1]), place).folder
        large = shutil.ignore_patterns("checkpoints")  # no page goes on with them
        shutil.copytree(before, folder, ignore=large)
    else:
        folder.mkdir()
    with contextlib.chdir(folder):
        return Followed(_FENCE.sub(_block, text), folder)


def shape(output: str) -> str:
    """What an output has on every machine: no figures, no column widths, no device."""
    plain = re.sub(r"^device .*", "device", output, flags=re.MULTILINE)
    return re.sub(r"[ \t]+", " ", re.sub(r"[-+]?\d[\d.,]*(e[-+]\d+)?", "#", plain))


def _block(found: re.Match[str]) -> str:
    language, body = found.groups()
    if language == "console":
        steps = re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", body, re.MULTILINE)
        body = "".join(f"$ {command}\n{_step(command, old)}" for command, old in steps)
    elif name := re.match(r"# ([\w-]+\.\w+)\n", body):
        Path(name[1]).write_text(body, encoding="utf-8")
    return f"```{language}\n{body}```"


def _step(command: str, old: str) -> str:
    """What is shown below a command: nothing where a comment says what it does."""
    code, output = _run(shlex.split(command, comments=True))
    told = re.search(r" # .*exit code (\d)", command)
    expected = int(told[1]) if told else 2 * bool(re.search(r"^error: ", old, re.MULTILINE))
    if code != expected:
        raise RuntimeError(f"{command}: exit code {code}, not {expected}\n{output}")
    new = "" if " # " in command else _shortened(output)
    return old if shape(new) == shape(old) else new


def _run(words: list[str]) -> tuple[int, str]:
    """The exit code, and both streams as one, in the order that a terminal shows them."""
    if words[0] not in ("hdf", "python"):
        done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        return done.returncode, done.stdout
    printed, code = io.StringIO(), 0
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        try:
            with patch.object(sys, "argv", words):
                main() if words[0] == "hdf" else runpy.run_path(words[1], run_name="__main__")
        except SystemExit as ended:
            code = int(ended.code or 0)
    return code, _PROGRESS.sub("", printed.getvalue())


def _shortened(output: str) -> str:
    lines = output.splitlines(keepends=True)
    short = lines if len(lines) <= LONGEST else [*lines[:HEAD], "…\n", *lines[-TAIL:]]
    return "".join(line.rstrip() + "\n" for line in short)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        os.environ |= {"HDF_CACHE": f"{place}/cache", "HDF_SALT": "documentation"}
        for page in pages():
            page.write_text(follow(page, Path(place)).text, encoding="utf-8")
