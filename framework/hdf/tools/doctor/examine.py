"""Looking at everything; nothing that names a person or a machine is told."""

from __future__ import annotations

import getpass
import platform
import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

from hdf.registry.discovery import uncollected
from hdf.registry.registry import Registry
from hdf.tools.doctor.files import decoders, weights
from hdf.tools.doctor.finding import Finding
from hdf.tools.doctor.installation import extras, versions
from hdf.tools.doctor.machine import devices, processor, room
from hdf.tools.doctor.plugins import plugins

Look = Callable[[], Iterable[Finding]]


def examine(registry: Registry) -> list[Finding]:
    """All findings, section by section; what fails to be looked at is broken."""
    looks: dict[str, Look] = {
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
        found = [finding for section, look in looks.items() for finding in _looked(section, look)]
    return [_nameless(finding) for finding in found]


def _looked(section: str, look: Look) -> list[Finding]:
    try:
        return list(look())
    except Exception as error:  # a broken installation raises whatever it likes
        value = f"can't be looked at: {type(error).__name__}: {error}"
        advice = "reinstall hdf and torch into a new virtual environment"
        return [Finding(section, section, "broken", value, advice)]


def _nameless(finding: Finding) -> Finding:
    value, advice = (_without_names(text) for text in (finding.value, finding.advice))
    return replace(finding, value=value, advice=advice)


def _without_names(text: str) -> str:
    """A text without the user's home, the user's name and the machine's."""
    text = text.replace(str(Path.home()), "~") if len(Path.home().parts) > 1 else text
    for name, stands_for in {_user(): "USER", platform.node(): "HOST"}.items():
        if name:
            text = re.sub(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", stands_for, text)
    return text


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # nobody, as in some containers
        return ""
