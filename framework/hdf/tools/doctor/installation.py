"""Versions: Python, the packages that hdf needs, and those of its extras."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, requires, version

from packaging.requirements import Requirement

from hdf import __version__
from hdf.registry.discovery import DISTRIBUTION
from hdf.tools.doctor import Check

EXTRAS = {
    "timm": "backbones of timm",
    "onnx": "export to ONNX, prediction by ONNX Runtime",
    "explain": "the visualizer gradcam",
    "tensorboard": "runs in TensorBoard",
    "review": "hdf review",
}


def versions() -> Iterator[Check]:
    """hdf, Python, the system, and each package that hdf needs."""
    yield Check("versions", "hdf", "ok", __version__)
    yield Check("versions", "python", "ok", platform.python_version())
    yield Check("versions", "system", "ok", f"{platform.system()} {platform.machine()}")
    for requirement in requirements(""):
        value, fits = _installed(requirement)
        if fits:
            yield Check("versions", requirement.name, "ok", value)
            continue
        advice = f"hdf needs it: pip install '{requirement.name}{requirement.specifier}'"
        yield Check("versions", requirement.name, "broken", value, advice)


def extras() -> Iterator[Check]:
    """The optional packages, and which of them are missing."""
    for extra, use in EXTRAS.items():
        missing: list[str] = []
        found: list[str] = []
        for requirement in requirements(extra):
            value, fits = _installed(requirement)
            (found if fits else missing).append(f"{requirement.name} {value}")
        advice = f"for {use}: pip install '{DISTRIBUTION}[{extra}]'" if missing else ""
        value = ", ".join([*found, *missing])
        yield Check("extras", extra, "note" if missing else "ok", value, advice)


def requirements(extra: str) -> list[Requirement]:
    """The packages that hdf needs on this machine, or those that an extra adds."""
    known = [Requirement(text) for text in requires(DISTRIBUTION) or []]
    plain = [item for item in known if item.marker is None or item.marker.evaluate({"extra": ""})]
    if not extra:
        return plain
    return [
        item
        for item in known
        if item.marker and item.marker.evaluate({"extra": extra}) and item not in plain
    ]


def _installed(requirement: Requirement) -> tuple[str, bool]:
    """The version of a package, and whether hdf accepts it."""
    try:
        found = version(requirement.name)
    except PackageNotFoundError:
        return "missing", False
    if requirement.specifier.contains(found, prereleases=True):
        return found, True
    return f"{found}, not {requirement.specifier}", False
