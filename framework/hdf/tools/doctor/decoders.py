"""Which DICOM files can be decoded, and which weights need no download."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlparse

from packaging.requirements import Requirement

from hdf.registry.registry import Registry
from hdf.tools.doctor import Check
from hdf.tools.doctor.installation import requirements

SYNTAXES = (
    "ImplicitVRLittleEndian",
    "ExplicitVRLittleEndian",
    "ExplicitVRBigEndian",
    "DeflatedExplicitVRLittleEndian",
    "JPEGBaseline8Bit",
    "JPEGExtended12Bit",
    "JPEGLossless",
    "JPEGLosslessSV1",
    "JPEGLSLossless",
    "JPEGLSNearLossless",
    "JPEG2000Lossless",
    "JPEG2000",
    "HTJ2KLossless",
    "HTJ2KLosslessRPCL",
    "HTJ2K",
    "RLELossless",
)
"""The transfer syntaxes of single images, by pydicom's names."""
FIRST_WEIGHTS = re.compile(
    r"^class (\w+)\(WeightsEnum\):\s+(?:#.*\s+)*"
    r'IMAGENET1K_V1 = Weights\(\s*(?:#.*\s+)*url="([^"]+)"',
    re.MULTILINE,
)
"""A class of weights, and the address of the first ones in it."""
MODELS = re.compile(r"^def (\w+)\(\s*\*,\s*weights: Optional\[(\w+)\]", re.MULTILINE)
"""A model, and its class of weights."""


def decoders() -> Iterator[Check]:
    """The decoder of each DICOM transfer syntax."""
    try:
        from pydicom import uid
        from pydicom.pixels.decoders.base import get_decoder
    except ImportError as error:
        yield Check("dicom", "pydicom", "broken", f"can't be imported: {error}", _anew("pydicom"))
        return
    for name in SYNTAXES:
        syntax = getattr(uid, name)
        decoder = get_decoder(syntax)
        by = ", ".join(decoder.available_plugins) or "pydicom"
        if decoder.is_available:
            yield Check("dicom", syntax.name, "ok", by)
        else:
            yield _undecoded(syntax.name, decoder.missing_dependencies)


def _undecoded(syntax: str, missing: Iterable[str]) -> Check:
    """A syntax without a decoder; broken if the one that hdf installs fails.

    Args:
        missing: pydicom's descriptions of decoders, such as ``gdcm - requires gdcm>=3.0.10``.
    """
    choices = [text.partition("requires ")[2] for text in missing]
    own = {item.name for item in requirements("")}
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
    same, which fails if it was built for another torch.

    Raises:
        ImportError: torchvision is not installed.
        OSError, AttributeError: its operators do not fit torch.
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
