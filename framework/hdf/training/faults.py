"""What goes wrong with the machine while a run goes on, told so that it can be mended."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from hdf.errors import Problem, UserError
from hdf.files.atomic import DISK_ERRORS
from hdf.recipe.check import CheckedRecipe

LOST = (errno.EIO, errno.ESTALE, errno.ENODEV, errno.ENXIO, errno.ENOTCONN, errno.EREMOTEIO)
"""What a disk says that has gone away or is broken."""
_NO_MEMORY = ("can't allocate memory", "Cannot allocate memory", "out of memory")


class FaultError(UserError):
    """The machine's fault: once that is mended the run goes on."""


@contextmanager
def explained(checked: CheckedRecipe) -> Iterator[None]:
    """Tell of memory and disks in one line.

    Raises:
        FaultError: instead of what Python, torch and the system raise.
    """
    try:
        yield
    except (MemoryError, RuntimeError, OSError) as error:
        told = _told(error, checked)
        if told is None:
            raise
        raise told from error


def _told(error: Exception, checked: CheckedRecipe) -> FaultError | None:
    if _is_memory(error):
        size = checked.recipe.train.batch_size
        message = (
            f"out of memory ({_first_line(error)}); try a smaller train.batch_size than {size}, "
            "a smaller data.image_size or a smaller model"
        )
        return FaultError(Problem(checked.where("train", "batch_size"), message))
    if isinstance(error, OSError) and error.errno in (*DISK_ERRORS, *LOST):
        reason = error.strerror or os.strerror(error.errno)
        where = str(error.filename or "")
        return FaultError(Problem(where, f"{reason}; what was saved before is whole"))
    return None


def _is_memory(error: Exception) -> bool:
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    if isinstance(error, OSError):
        return error.errno == errno.ENOMEM
    return any(text in str(error) for text in _NO_MEMORY)


def _first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return text[0][:200] if text else type(error).__name__
