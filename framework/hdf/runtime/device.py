"""Where to compute, and in which number format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch

from hdf.errors import user_error


@dataclass(frozen=True)
class Compute:
    """The device and the precision of a run.

    Attributes:
        dtype: of the backbone's and head's arithmetic; weights stay float32.
        reason: why this precision, for people.
    """

    device: torch.device
    dtype: torch.dtype
    reason: str

    @property
    def precision(self) -> str:
        return str(self.dtype).removeprefix("torch.")

    def autocast(self) -> torch.autocast:
        """The context in which the detector's forward pass runs."""
        lower = self.dtype is not torch.float32
        return torch.autocast(self.device.type, dtype=self.dtype if lower else None, enabled=lower)


def choose_compute(device: str, precision: Literal["auto", "float32", "bfloat16"]) -> Compute:
    """Resolve ``auto``.

    On a CUDA GPU, what stays in float32 beside bfloat16 is multiplied in TensorFloat-32, in this
    whole process; where float32 is asked for, it is float32 (pytorch.org/docs/stable/notes/cuda).

    Raises:
        UserError: the device is not there.
    """
    place = _device(device)
    if place.type == "cuda":
        _allow_tf32(precision != "float32")
    if precision != "auto":
        return Compute(place, getattr(torch, precision), "as the recipe says")
    if computes_bfloat16(place):
        reason = f"this {_noun(place)} computes in bfloat16"
        return Compute(place, torch.bfloat16, reason)
    return Compute(place, torch.float32, f"this {_noun(place)} has no bfloat16 arithmetic")


def _allow_tf32(allowed: bool) -> None:
    torch.set_float32_matmul_precision("high" if allowed else "highest")
    torch.backends.cudnn.allow_tf32 = allowed


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(name)
    absent = {
        "cuda": not torch.cuda.is_available() or (device.index or 0) >= torch.cuda.device_count(),
        "mps": not torch.backends.mps.is_available(),
    }
    if absent.get(device.type, False):
        raise user_error(f"there is no device {name!r} here; cpu always works")
    return device


def computes_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is quicker than float32 there."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if device.type == "cpu":
        # Only native instructions help: oneDNN emulates bfloat16 elsewhere, slower than float32.
        native = torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()
        # These two read the processor; ATEN_CPU_CAPABILITY may hold PyTorch to less.
        return bool(native and torch.backends.cpu.get_cpu_capability() not in ("DEFAULT", "AVX2"))
    return False


def _noun(device: torch.device) -> str:
    return "processor" if device.type == "cpu" else "GPU"
