"""What is installed: packages, decoders of DICOM files, weights that need no download, plugins."""

from __future__ import annotations

import platform
import re
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlparse

from packaging.requirements import Requirement

from hdf import __version__
from hdf.errors import UserError
from hdf.registry.discovery import DISTRIBUTION, Plugin
from hdf.registry.options import Options, UnusableSignatureError
from hdf.registry.registry import Component, Registry
from hdf.tools.doctor.machine import Check, State

EXTRAS = {
    "timm": "backbones of timm",
    "onnx": "export to ONNX, prediction by ONNX Runtime",
    "explain": "the visualizer gradcam",
    "tensorboard": "runs in TensorBoard",
    "review": "hdf review",
}
FIRST_WEIGHTS = re.compile(
    r"^class (\w+)\(WeightsEnum\):\s+(?:#.*\s+)*"
    r'IMAGENET1K_V1 = Weights\(\s*(?:#.*\s+)*url="([^"]+)"',
    re.MULTILINE,
)
"""A class of weights, and the address of the first ones in it."""
MODELS = re.compile(r"^def (\w+)\(\s*\*,\s*weights: Optional\[(\w+)\]", re.MULTILINE)
"""A model, and its class of weights."""
MEND = "mend or remove it, or switch it off with HDF_DISABLE_PLUGINS; see hdf list-plugins"


def versions() -> Iterator[Check]:
    """hdf, Python, the system, and each package that hdf needs."""
    yield Check("versions", "hdf", "ok", __version__)
    yield Check("versions", "python", "ok", platform.python_version())
    yield Check("versions", "system", "ok", f"{platform.system()} {platform.machine()}")
    for requirement in _requirements(""):
        value, fits = _installed(requirement)
        wanted = f"hdf needs it: pip install '{requirement.name}{requirement.specifier}'"
        state: State = "ok" if fits else "broken"
        yield Check("versions", requirement.name, state, value, "" if fits else wanted)


def extras() -> Iterator[Check]:
    """The optional packages, and which of them are missing."""
    for extra, use in EXTRAS.items():
        found = [(item.name, *_installed(item)) for item in _requirements(extra)]
        found.sort(key=lambda item: not item[2])  # what is missing comes last
        complete = all(fits for _, _, fits in found)
        advice = "" if complete else f"for {use}: pip install '{DISTRIBUTION}[{extra}]'"
        value = ", ".join(f"{name} {value}" for name, value, _ in found)
        yield Check("extras", extra, "ok" if complete else "note", value, advice)


def _requirements(extra: str) -> list[Requirement]:
    """The packages that hdf needs on this machine, or those that an extra adds."""
    known = [Requirement(text) for text in requires(DISTRIBUTION) or []]
    plain = [item for item in known if not item.marker or item.marker.evaluate({"extra": ""})]
    added = [item for item in known if item.marker and item.marker.evaluate({"extra": extra})]
    return [item for item in added if item not in plain] if extra else plain


def _installed(requirement: Requirement) -> tuple[str, bool]:
    """The version of a package, and whether hdf accepts it."""
    try:
        found = version(requirement.name)
    except PackageNotFoundError:
        return "missing", False
    if requirement.specifier.contains(found, prereleases=True):
        return found, True
    return f"{found}, not {requirement.specifier}", False


def decoders() -> Iterator[Check]:
    """The decoder of each DICOM transfer syntax of single images."""
    try:
        from pydicom import uid
        from pydicom.pixels.decoders.base import get_decoder
    except ImportError as error:
        yield Check("dicom", "pydicom", "broken", f"can't be imported: {error}", _anew("pydicom"))
        return
    for syntax in uid.AllTransferSyntaxes:
        try:
            decoder = get_decoder(syntax)
        except NotImplementedError:  # a video, or one that refers to another place
            continue
        if decoder.is_available:
            by = ", ".join(decoder.available_plugins) or "pydicom"
            yield Check("dicom", syntax.name, "ok", by)
        else:
            yield _undecoded(syntax.name, decoder.missing_dependencies)


def _undecoded(syntax: str, missing: Iterable[str]) -> Check:
    """A syntax without a decoder; broken if the one that hdf installs fails."""
    choices = [text.partition("requires ")[2] for text in missing]  # gdcm - requires gdcm>=3.0.10
    own = {item.name for item in _requirements("")}
    for choice in choices:
        names = [Requirement(part).name for part in choice.split(" and ")]
        if own.issuperset(names):
            decoders = [name for name in names if name != "numpy"]
            value = f"{' or '.join(decoders)} can't be imported"
            return Check("dicom", syntax, "broken", value, _anew(*decoders))
    # pylibjpeg-libjpeg is under the GPL; the wheels of gdcm are called python-gdcm.
    free = [text.replace("gdcm>", "python-gdcm>") for text in choices if "-libjpeg" not in text]
    advice = f"convert such files, or install {', or '.join(free)}"
    return Check("dicom", syntax, "note", "no decoder", advice)


def _anew(*names: str) -> str:
    return f"hdf needs it: pip install --force-reinstall --no-deps {' '.join(names)}"


def weight_files() -> dict[str, str]:
    """The file of each model's first ImageNet weights, as torchvision's source states it.

    Importing torchvision to ask takes as long as importing torch. Its operators are loaded all the
    same, which fails if it is missing or was built for another torch.
    """
    import torch

    spec = find_spec("torchvision")
    if spec is None or spec.origin is None:
        raise ImportError("No module named 'torchvision'")
    home = Path(spec.origin).parent
    for library in (path for path in home.glob("_C*") if path.suffix in (".so", ".pyd")):
        torch.ops.load_library(library)  # type: ignore[no-untyped-call]
    torch.ops.torchvision.nms  # noqa: B018
    text = "".join(path.read_text(encoding="utf-8") for path in home.glob("models/*.py"))
    urls = {name: Path(urlparse(url).path).name for name, url in FIRST_WEIGHTS.findall(text)}
    return {model: urls[name] for model, name in MODELS.findall(text) if name in urls}


def weights(registry: Registry) -> Iterator[Check]:
    """The ImageNet weights in torch's cache, for the backbones that torchvision has too."""
    import torch

    folder = Path(torch.hub.get_dir(), "checkpoints")
    known = weight_files()
    names = [item.name for item in registry.of_kind("backbone") if item.name in known]
    there = [name for name in names if (folder / known[name]).is_file()]
    absent = [name for name in names if name not in there]
    yield Check("weights", "cache", "ok", str(folder))
    if there:
        yield Check("weights", "ImageNet, there", "ok", ", ".join(there))
    if absent:
        advice = "weights: imagenet downloads them; offline, give the path of a file as weights"
        yield Check("weights", "ImageNet, not there", "note", ", ".join(absent), advice)


def plugins(registry: Registry) -> Iterator[Check]:
    """Each plugin, followed by its components that can't be used, with the reasons."""
    for plugin in registry.plugins:
        title = f"{plugin.distribution} {plugin.version}".strip()
        if plugin.error:
            yield Check("plugins", plugin.name, _worst(plugin), f"{title}: {plugin.error}", MEND)
            continue
        own = [item for item in registry.components if item.plugin is plugin]
        faults = {f"{item.kind} {item.name}": fault for item in own if (fault := _fault(item))}
        usable = f"{len(own) - len(faults)} of {len(own)} components can be used"
        value = f"{title}: {usable}, plugin interface {plugin.api}"
        yield Check("plugins", plugin.name, "ok", value)
        for name, fault in faults.items():
            yield Check("plugins", name, _worst(plugin), fault, MEND)
    if not any(plugin.distribution == DISTRIBUTION for plugin in registry.plugins):
        value = "hdf's own components are not installed, or switched off"
        advice = f"pip install {DISTRIBUTION}; look at HDF_DISABLE_PLUGINS"
        yield Check("plugins", "builtin", "broken", value, advice)


def _worst(plugin: Plugin) -> State:
    """hdf can do without the plugins of others."""
    return "broken" if plugin.distribution == DISTRIBUTION else "note"


def _fault(component: Component) -> str:
    """Why a component can't be used; empty if it can."""
    try:
        Options(component.load(), component.kind)
    except (UserError, UnusableSignatureError) as error:
        return str(error)
    return component.status if component.status.startswith("conflict") else ""
