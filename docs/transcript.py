"""Run the commands of docs/tutorial.md in an empty folder, and renew what they print.

python docs/transcript.py

Blocks of ``console`` are run from top to bottom; blocks whose first line names a file are written
when they are reached. An output stays as it is where it has the same shape as the new one, for
times and figures are other ones on every machine.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import runpy
import shlex
import tempfile
from pathlib import Path

from hdf.cli.main import hdf

PAGE = Path(__file__).with_name("tutorial.md")
COMMAND = "python docs/transcript.py"
LONGEST, HEAD, TAIL = 24, 8, 3
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def renewed(text: str) -> str:
    """The page with the outputs of a run in the working directory."""
    return _FENCE.sub(_block, text)


def shape(output: str) -> str:
    """What an output has on every machine: no figures, no column widths, no device."""
    plain = re.sub(r"^device .*", "device", output, flags=re.MULTILINE)
    return re.sub(r"[ \t]+", " ", re.sub(r"[-+]?\d[\d.,]*", "#", plain))


def _block(found: re.Match[str]) -> str:
    language, body = found.groups()
    if language == "console":
        steps = re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", body, re.MULTILINE)
        body = "".join(f"$ {command}\n{_step(command, old)}" for command, old in steps)
    elif name := re.match(r"# ([\w-]+\.\w+)\n", body):
        Path(name[1]).write_text(body, encoding="utf-8")
    return f"```{language}\n{body}```"


def _step(command: str, old: str) -> str:
    new = _shortened(_output(shlex.split(command)))
    return old if shape(new) == shape(old) else new


def _output(words: list[str]) -> str:
    """Both streams as one, in the order that a terminal shows them."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        if words[0] == "python":
            runpy.run_path(words[1], run_name="__main__")
        else:
            hdf.main(words[1:], standalone_mode=False)
    return printed.getvalue()


def _shortened(output: str) -> str:
    lines = output.splitlines(keepends=True)
    short = lines if len(lines) <= LONGEST else [*lines[:HEAD], "…\n", *lines[-TAIL:]]
    return "".join(line.rstrip() + "\n" for line in short)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        os.environ["HDF_CACHE"] = folder
        page = renewed(PAGE.read_text(encoding="utf-8"))
    PAGE.write_text(page, encoding="utf-8")
