"""One thing that was looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "note", "broken"]


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        section: what it belongs to, such as ``packages``.
        name: what was looked at.
        state: ``ok``; ``note`` for what hdf can do without; ``broken`` for what it needs.
        value: what was found.
        advice: what to do, where it is not ``ok``.
    """

    section: str
    name: str
    state: State
    value: str
    advice: str = ""
