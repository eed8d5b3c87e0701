"""What a run ran on; nothing that names a person or a machine."""

from __future__ import annotations

import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

from hdf import __version__
from hdf.registry.registry import Registry
from hdf.runtime.device import Compute

PACKAGES = (
    "torch",
    "torchvision",
    "timm",
    "kornia",
    "numpy",
    "pillow",
    "safetensors",
    "pluggy",
    "pydantic",
)
SECONDS = 10
"""For git to answer."""


def describe_environment(compute: Compute, registry: Registry, processes: int) -> dict[str, Any]:
    """Versions, plugins, device, precision and checkout, for ``environment.json``."""
    device = str(compute.device)
    if compute.device.type == "cuda":
        device += f" ({torch.cuda.get_device_name(compute.device)})"
    return {
        "hdf": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor_features": _processor_features(),
        "packages": {name: _version(name) for name in PACKAGES},
        "plugins": {plugin.distribution: plugin.version for plugin in registry.plugins},
        "device": device,
        "precision": compute.precision,
        "precision_reason": compute.reason,
        "processes": processes,
        "threads": torch.get_num_threads(),
        "checkout": checkout_of(Path.cwd()),
    }


def _processor_features() -> list[str]:
    """What PyTorch's own kernels use, and the units for bfloat16, which decide how it rounds."""
    units = {
        "AVX512_BF16": torch.cpu._is_avx512_bf16_supported(),
        "AMX": torch.cpu._is_amx_tile_supported(),
    }
    return [torch.backends.cpu.get_cpu_capability(), *(name for name, has in units.items() if has)]


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def checkout_of(folder: Path) -> dict[str, Any] | None:
    """``commit`` of a git checkout, and whether anything differs from it, ``dirty``.

    None where the folder is no checkout, has no commit yet, or there is no git.
    """
    # A checkout's own settings may name a program that watches it.
    command = "git -c core.fsmonitor=false --no-optional-locks status --porcelain=v2 --branch"
    try:
        told = subprocess.check_output(
            command.split(), cwd=folder, stderr=subprocess.DEVNULL, text=True, timeout=SECONDS
        )
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    lines = told.splitlines()
    commit = lines[0].removeprefix("# branch.oid ")
    dirty = any(not line.startswith("# ") for line in lines)
    return None if commit == "(initial)" else {"commit": commit, "dirty": dirty}
