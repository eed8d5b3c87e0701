"""How to compute: on which device, in which number format, and the same to the bit each time."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch

from hdf.errors import UserError, user_error


@dataclass(frozen=True)
class Compute:
    """Where, and in which type, backbone and head compute, and why; weights stay float32."""

    device: torch.device
    dtype: torch.dtype
    reason: str

    @property
    def precision(self) -> str:
        return str(self.dtype).removeprefix("torch.")

    def autocast(self) -> torch.autocast:
        lower = self.dtype is not torch.float32
        return torch.autocast(self.device.type, dtype=self.dtype if lower else None, enabled=lower)


def choose_compute(device: str, precision: Literal["auto", "float32", "bfloat16"]) -> Compute:
    """Resolve ``auto``; a `UserError` where the device is not there.

    On a CUDA GPU, what stays in float32 beside bfloat16 is multiplied in TensorFloat-32, in this
    whole process; where float32 is asked for, it is float32 (pytorch.org/docs/stable/notes/cuda).
    """
    place = _device(device)
    if place.type == "cuda":
        allowed = precision != "float32"
        torch.set_float32_matmul_precision("high" if allowed else "highest")
        torch.backends.cudnn.allow_tf32 = allowed
    if precision != "auto":
        return Compute(place, getattr(torch, precision), "as the recipe says")
    this = "this processor" if place.type == "cpu" else "this GPU"
    if computes_bfloat16(place):
        return Compute(place, torch.bfloat16, f"{this} computes in bfloat16")
    reason = f"{this} has no bfloat16 arithmetic"
    if place.type == "cpu" and _has_bfloat16_units():
        level = torch.backends.cpu.get_cpu_capability()
        reason = f"PyTorch is held to {level} here, which has no bfloat16 arithmetic"
    return Compute(place, torch.float32, reason)


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
        held = torch.backends.cpu.get_cpu_capability() in ("DEFAULT", "AVX2")
        return _has_bfloat16_units() and not held
    return False


def _has_bfloat16_units() -> bool:
    """Whether the processor has them; ATEN_CPU_CAPABILITY may hold PyTorch to less."""
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


CUBLAS, REPEATABLE = "CUBLAS_WORKSPACE_CONFIG", (":4096:8", ":16:8")
"""Values with which cuBLAS repeats its results (docs.nvidia.com/cuda/cublas, reproducibility)."""
REFUSAL = "does not have a deterministic implementation"
"""What PyTorch says of an operation that can't be repeated."""


@contextmanager
def repeatable(wanted: bool, where: str) -> Iterator[None]:
    """Where `wanted`, let PyTorch use only operations that give the same result each time.

    To be entered before CUDA starts, which reads cuBLAS's setting once. What was set before is set
    again at the end. A `UserError` at `where` names an operation that has no such form.
    """
    if not wanted:
        yield
        return
    with _repeating():
        try:
            yield
        except (RuntimeError, UserError) as error:
            before, refusal, _ = str(error).partition(REFUSAL)
            if not refusal:
                raise
            name = (before.split() or ["an operation"])[-1]
            message = f"{name} has no form that repeats its results on this device; take another"
            raise user_error(f"{message} component, or deterministic: false", where) from error


@contextmanager
def _repeating() -> Iterator[None]:
    algorithms = torch.are_deterministic_algorithms_enabled()
    warns = torch.is_deterministic_algorithms_warn_only_enabled()
    tries, stated = torch.backends.cudnn.benchmark, os.environ.get(CUBLAS)
    if stated not in REPEATABLE:
        os.environ[CUBLAS] = REPEATABLE[0]
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = False
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(algorithms, warn_only=warns)
        torch.backends.cudnn.benchmark = tries
        if stated is None:
            os.environ.pop(CUBLAS, None)
        else:
            os.environ[CUBLAS] = stated


def seed_step(seed: int, epoch: int, step: int, rank: int = 0) -> None:
    """Seed dropout and all other random numbers of a step; each process has its own.

    The global generators of Python and numpy are seeded as well, for plugins that use them.
    """
    mixed = _mix(seed, epoch, step, *([rank] if rank else []))
    torch.manual_seed(mixed)
    random.seed(mixed)
    np.random.seed(mixed % 2**32)  # noqa: NPY002 - a plugin may use the old generator


def seed_weights(seed: int) -> None:
    """Seed the initial weights."""
    torch.manual_seed(_mix(seed))


def _mix(*key: int) -> int:
    return int(np.random.SeedSequence(key).generate_state(1, np.uint64)[0] >> np.uint64(1))
