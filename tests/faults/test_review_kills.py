"""A few of `tests.faults.review_kills`."""

from __future__ import annotations

import pytest

pytest.importorskip("starlette", reason="the extra review is not installed")

from tests.faults.review_kills import bench


def test_killed_reviews_lose_no_correction() -> None:
    outcome = bench(2)
    assert outcome.wrong == []
    assert outcome.tried == 2
    assert outcome.counts["corrections kept"] > 0
