"""The state of the checkout that a run was started in."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

SECONDS = 10


def checkout_of(folder: Path) -> dict[str, Any] | None:
    """The commit, and whether anything differs from it: ``commit`` and ``dirty``.

    Returns:
        None where the folder is no checkout, has no commit yet, or there is no git.
    """
    commit = _git(folder, "rev-parse", "--verify", "HEAD")
    changes = _git(folder, "status", "--porcelain")
    if commit is None or changes is None:
        return None
    return {"commit": commit.strip(), "dirty": bool(changes.strip())}


def _git(folder: Path, *arguments: str) -> str | None:
    # A checkout's own settings may name a program that watches it.
    command = ["git", "-c", "core.fsmonitor=false", "--no-optional-locks", *arguments]
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return done.stdout
