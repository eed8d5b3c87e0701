"""The pages, followed from top to bottom as a reader would."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.docs.documentation import DOCS, TRANSCRIPT, Finished, Followed

Follow = Callable[[Path], Followed]


@pytest.fixture(scope="session")
def follow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Follow]:
    """Follows a page; once, however many tests look at what it leaves."""
    place = tmp_path_factory.mktemp("pages")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HDF_CACHE", str(place / "cache"))
        yield lambda page: TRANSCRIPT["follow"](page, place)


@pytest.fixture(scope="session")
def tutorial(follow: Follow) -> Finished:
    """The run of docs/plugins.md, made of its own blocks alone."""
    folder = follow(DOCS / "plugins.md").folder
    return Finished(folder / "ellipses", folder / "experiments.jsonl")
