"""What hdf needs or could use, what of it this machine has, and what to do about the rest.

`examine` runs the checks of `installation` and `machine`; what it returns names neither the user
nor the machine.
"""

from __future__ import annotations

import getpass
import platform
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from hdf.registry.discovery import uncollected
from hdf.registry.registry import Registry
from hdf.tools.doctor.installation import decoders, extras, plugins, versions, weights
from hdf.tools.doctor.machine import Check, devices, processor, room

Run = Callable[[], Iterable[Check]]


def examine(registry: Registry) -> list[Check]:
    """All checks, section by section; one that fails is broken."""
    checks: dict[str, Run] = {
        "versions": versions,
        "extras": extras,
        "devices": devices,
        "machine": processor,
        "room": room,
        "dicom": decoders,
        "weights": partial(weights, registry),
        "plugins": partial(plugins, registry),
    }
    with uncollected():
        found = [check for section, run in checks.items() for check in _run(section, run)]
    return [
        replace(item, value=_without_names(item.value), advice=_without_names(item.advice))
        for item in found
    ]


def _run(section: str, run: Run) -> list[Check]:
    try:
        return list(run())
    except Exception as error:  # a broken installation raises whatever it likes
        value = f"can't be looked at: {type(error).__name__}: {error}"
        advice = "reinstall hdf and torch into a new virtual environment"
        return [Check(section, section, "broken", value, advice)]


def _without_names(text: str) -> str:
    """A text without the user's home, the user's name and the machine's."""
    text = text.replace(str(Path.home()), "~") if len(Path.home().parts) > 1 else text
    user = ""
    with suppress(OSError, KeyError):  # no user, as in some containers
        user = getpass.getuser()
    for name, stands_for in {user: "USER", platform.node(): "HOST"}.items():
        if name:
            text = re.sub(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", stands_for, text)
    return text
