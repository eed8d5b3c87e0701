"""Values, names and YAML that a stranger may write."""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

NAMES = (
    "", ".", "..", "/", "~", "heart", "use", "extends", "__class__", "\0", "a\nb", "\ud800",
    "../../etc/passwd", "/dev/zero", "/dev/stdin", "x" * 300, "\u202ehtraeh", "\ufeff", "é" * 90,
    "C:\\a.png", "a.png", "1", "-", "$(touch x)", "`id`", "{}", "%s%n", "nan", "true",
)  # fmt: skip
NUMBERS = (
    0, -1, 1, 2, 3, 2**31, 2**32, 2**63, 2**64, 10**30, 10**400, -(10**30), 1e-320, 1e308, -0.0,
    0.5, 0.1, 1.0, 1.5, 100, float("nan"), float("inf"), -float("inf"),
)  # fmt: skip

names = st.sampled_from(NAMES) | st.text(max_size=12)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(NUMBERS) | names
values: st.SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=8,
)


def seeded(count: int) -> settings:
    """So many cases, the same each time, none of them shrunk."""
    return settings(
        max_examples=count,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
