"""What a run ran on; nothing that names a person or a machine."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from hdf.compute import Compute
from hdf.registry import Registry

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


def describe_environment(compute: Compute, registry: Registry, processes: int) -> dict[str, Any]:
    """Versions, device, precision and plugins, for ``environment.json``."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "packages": {name: _version(name) for name in PACKAGES},
        "plugins": {plugin.distribution: plugin.version for plugin in registry.plugins},
        "device": _device_name(compute.device),
        "precision": compute.precision,
        "precision_reason": compute.reason,
        "processes": processes,
        "threads": torch.get_num_threads(),
    }


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return f"{device} ({torch.cuda.get_device_name(device)})"
    return str(device)
