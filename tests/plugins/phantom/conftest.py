"""The phantoms themselves are tested here: each is rendered whenever a test asks for it."""

from __future__ import annotations

import pytest

from hdf_plugins.loaders import phantom


@pytest.fixture(autouse=True)
def rendered_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("read_image", "read_masks"):
        monkeypatch.setattr(phantom, name, getattr(phantom, name).__wrapped__)
