"""Hold what hdf needs, and what that needs in turn, to permissive licences.

It looks at the environment that it runs in. NVIDIA's libraries are listed apart: torch's builds for
CUDA bring them; they are no open source, and hdf neither holds nor names them.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import PackageMetadata, distribution

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

PERMISSIVE = {
    *("0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-2-Clause", "BSD-3-Clause"),
    *("BSL-1.0", "CC0-1.0", "HPND", "ISC", "MIT", "MIT-0", "MIT-CMU", "PSF-2.0", "Zlib"),
    # What those without an expression state: trove classifiers, or a word of their own.
    *(
        "Apache Software License",
        "BSD License",
        "MIT License",
        "Python Software Foundation License",
    ),
    *("BSD", "FreeBSD"),
}
NVIDIA = ("cuda-", "nvidia-")


def needed(name: str, extra: str = "") -> Iterator[str]:
    """The distributions that one needs, each of them perhaps more than once."""
    for requirement in map(Requirement, distribution(name).requires or ()):
        if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
            yield canonicalize_name(requirement.name)
            for part in ("", *requirement.extras):
                yield from needed(requirement.name, part)


def stated(metadata: PackageMetadata) -> str:
    """The licence of a distribution: its expression, or else its classifiers, or a word."""
    if expression := metadata.get("License-Expression"):
        return expression
    classifiers = metadata.get_all("Classifier") or ()
    named = [text.rpartition(" :: ")[2] for text in classifiers if text.startswith("License ::")]
    return " AND ".join(named) or str(metadata.get("License", "")).partition("\n")[0]


def is_permissive(licence: str) -> bool:
    """Whether all of an SPDX expression is; of alternatives, one will do."""
    parts = (part.strip(" ()").split(" OR ") for part in licence.split(" AND "))
    return all(PERMISSIVE.intersection(part) for part in parts)


if __name__ == "__main__":
    names = sorted(set(needed("heart-detection-framework")))
    own = [name for name in names if not name.startswith(NVIDIA)]
    licences = {name: stated(distribution(name).metadata) for name in own}
    refused = {name: text for name, text in licences.items() if not is_permissive(text)}
    assert not refused, f"not known to be permissive: {refused}"
    print(f"{len(own)} packages under permissive licences, {len(names) - len(own)} of NVIDIA's")
