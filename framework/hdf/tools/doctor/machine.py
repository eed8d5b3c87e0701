"""A check's outcome, and the hardware: devices, precision, cores, memory and disk space."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

GIB = 2**30
ENOUGH_MEMORY = 4 * GIB
ENOUGH_ROOM = 5 * GIB
LEAST_ROOM = GIB // 10
State = Literal["ok", "note", "broken"]


@dataclass(frozen=True)
class Check:
    """The outcome of one check.

    Attributes:
        section: the group that it belongs to, such as ``packages``.
        state: ``ok``; ``note`` for what hdf can do without; ``broken`` for what it needs.
        advice: what to do if it is not ``ok``.
    """

    section: str
    name: str
    state: State
    value: str
    advice: str = ""


def devices() -> Iterator[Check]:
    """The processor and each accelerator, with the precision that ``auto`` chooses."""
    import torch

    from hdf.runtime.device import choose_compute

    names = ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]
    if torch.backends.mps.is_available():
        names.append("mps")
    tf32 = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    try:
        for name in names:
            compute = choose_compute(name, "auto")
            ones = torch.ones(8, 8, device=compute.device, dtype=compute.dtype)
            works = float((ones @ ones).sum()) == 512.0
            value = f"{compute.precision}: {compute.reason}"
            if name.startswith("cuda"):
                value = f"{torch.cuda.get_device_name(name)}, {value}"
            advice = "" if works else "it computes wrongly; install another build of torch"
            yield Check("devices", name, "ok" if works else "broken", value, advice)
    finally:
        torch.set_float32_matmul_precision(tf32[0])
        torch.backends.cudnn.allow_tf32 = tf32[1]


def processor() -> Iterator[Check]:
    """Cores, what other programs leave of them, and memory that this process may use."""
    from hdf.runtime.resources import cores, system_memory

    yield _cores(cores())
    if hasattr(os, "getloadavg"):  # not on Windows
        yield _load(cores())
    total, available = system_memory()
    small = available is not None and available < ENOUGH_MEMORY
    value = f"{_gib(total)}, of which {_gib(available)} are free" if available else _gib(total)
    advice = "take a smaller train.batch_size or data.image_size, or end other programs"
    yield Check("machine", "memory", "note" if small else "ok", value, advice if small else "")


def _cores(count: int) -> Check:
    """PyTorch counts the cores that a quota keeps back."""
    import torch

    threads = torch.get_num_threads()
    if threads <= count:
        return Check("machine", "cores", "ok", str(count))
    value = f"{count}, and {threads} threads of PyTorch wait for one another on them"
    return Check("machine", "cores", "note", value, f"set OMP_NUM_THREADS={count}")


def _load(count: int) -> Check:
    """Threads that wait for one another wait long where other programs hold their cores."""
    load, everywhere = os.getloadavg()[0], os.cpu_count() or count
    value = f"{load:.1f} in the last minute, on {everywhere} cores"
    free = everywhere - load
    if count == 1 or free > count - 0.5:
        return Check("machine", "load", "ok", value)
    advice = "beside other programs an epoch may take many times as long; try OMP_NUM_THREADS="
    return Check("machine", "load", "note", value, f"{advice}{max(1, min(int(free), count - 1))}")


def room() -> Iterator[Check]:
    """The folders that hdf fills: whether they can be written, and how much fits."""
    from hdf.files.atomic import cache_folder

    elsewhere = "set HDF_CACHE, or data.store: memory in a recipe"
    yield _folder("runs folder", Path("runs"), "broken", "start hdf elsewhere, or give --out")
    yield _folder("cache folder", cache_folder(), "note", elsewhere)
    yield _stores()


def _stores() -> Check:
    """Copies of radiographs that hdf has made by itself."""
    from hdf.data.folder import cached_stores

    try:
        stores = cached_stores()
    except OSError as error:
        return Check("room", "cached images", "note", f"{error.strerror}", "mend its permissions")
    old, size = sum(bool(store.outdated) for store in stores), sum(store.nbytes for store in stores)
    value = f"{len(stores)} stores, {_gib(size)}; hdf prepare --prune removes old ones, now {old}"
    advice = "they are copies of radiographs; hdf prepare --prune" if old else ""
    return Check("room", "cached images", "note" if old else "ok", value, advice)


def _folder(name: str, path: Path, worst: State, advice: str) -> Check:
    nearest = next(folder for folder in (path, *path.absolute().parents) if folder.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK):
        return Check("room", name, worst, f"{path} can't be written", advice)
    free = shutil.disk_usage(nearest).free
    value = f"{path}, {_gib(free)} free"
    if free < LEAST_ROOM:
        return Check("room", name, worst, value, f"make room; {advice}")
    if free < ENOUGH_ROOM:
        return Check("room", name, "note", value, "a run takes some hundred MiB, a store more")
    return Check("room", name, "ok", value)


def _gib(size: int) -> str:
    return f"{size / GIB:.1f} GiB"
