"""What hdf needs or could use, what of it this machine has, and what to do about the rest.

`examine` runs the checks of `installation` and `machine`; what it returns names neither the user
nor the machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "note", "broken"]


@dataclass(frozen=True)
class Check:
    """The outcome of one check.

    Attributes:
        section: the group that it belongs to, such as ``packages``.
        name: the thing that was checked.
        state: ``ok``; ``note`` for what hdf can do without; ``broken`` for what it needs.
        value: what was found.
        advice: what to do if it is not ``ok``.
    """

    section: str
    name: str
    state: State
    value: str
    advice: str = ""
