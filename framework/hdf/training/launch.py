"""Starting the processes of one run on this machine, and saying how it ended."""

from __future__ import annotations

import logging
import os
import signal
import sys
import uuid
from collections.abc import Sequence
from contextlib import suppress

import torch
from torch.distributed.elastic.multiprocessing import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure
from torch.distributed.launcher.api import LaunchConfig, elastic_launch

from hdf.errors import placed
from hdf.models.build import build_components
from hdf.recipe.check import CheckedRecipe
from hdf.runs.run_folder import RunFolder, status_of
from hdf.runtime.process_group import LOST, ProcessGroup
from hdf.runtime.resources import cores
from hdf.training.checkpoint.store import STATE

HERE = "127.0.0.1"
INTERRUPTED, TERMINATED = 130, 143


def refuse_early(checked: CheckedRecipe, count: int) -> None:
    """Refuse once what each process would: too few devices, a component that can't be built."""
    with placed(checked.where("train", "device")):
        ProcessGroup(count - 1, count, count - 1).device(checked.recipe.train.device)
    build_components(checked)


def launch(arguments: Sequence[str], count: int, folder: RunFolder) -> int:
    """Run ``hdf`` in several processes, which find each other through torchrun's environment.

    Where one fails the others are ended. What it could not say itself, as when it was killed, goes
    to stderr and into the status of the run's folder.

    Returns:
        The exit code: 0, 2 for a user's mistake, 130 for Ctrl-C, 143 for SIGTERM, else 1.
    """
    logging.disable(logging.CRITICAL)  # torch's lines about failures; ours name what a user knows
    os.environ.setdefault("OMP_NUM_THREADS", str(max(1, cores() // count)))
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo0" if sys.platform == "darwin" else "lo")
    command = ("-P", "-m", "hdf", *arguments)  # -P: a file of the user's here may be called torch
    try:
        elastic_launch(_config(count), sys.executable)(*command)
    except ChildFailedError as failed:
        rank, failure = _first(failed.failures)
        if failure.exitcode not in (INTERRUPTED, TERMINATED):
            return _failed(rank, failure, count, folder)
        number = failure.exitcode - 128  # somebody has asked the process itself
    except SignalException as ended:
        number = ended.sigval
    else:
        return 0
    print("interrupted", file=sys.stderr)
    _close(folder, count, "interrupted")
    return 128 + number


def _config(count: int) -> LaunchConfig:
    """One machine, a free port, no second try."""
    return LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=count,
        run_id=uuid.uuid4().hex,
        rdzv_backend="c10d",
        rdzv_endpoint=f"{HERE}:0",
        local_addr=HERE,
        max_restarts=0,
    )


def _first(failures: dict[int, ProcessFailure]) -> tuple[int, ProcessFailure]:
    """The process that failed by itself, not for want of another."""
    after = (LOST, -signal.SIGTERM)  # SIGTERM is what the launcher sends to the others
    own = [item for item in failures.items() if item[1].exitcode not in after]
    return min(own or failures.items(), key=lambda item: item[1].timestamp)


def _failed(rank: int, failure: ProcessFailure, count: int, folder: RunFolder) -> int:
    """Say what the process itself could not."""
    reason = f"process {rank} (of {count}, counted from 0) {_what(failure)}"
    if failure.exitcode != 2:
        print(f"error: {reason}", file=sys.stderr)
    _close(folder, count, "failed", reason=reason)
    return 2 if failure.exitcode == 2 else 1


def _what(failure: ProcessFailure) -> str:
    code, message = failure.exitcode, failure.error_file_data.get("message")
    if code == -signal.SIGKILL:
        return "was killed by SIGKILL, as happens where memory runs out"
    if code < 0:
        with suppress(ValueError):
            return f"was killed by {signal.Signals(-code).name}"
        return f"was killed by signal {-code}"
    if code == LOST:
        return "lost the connection to the others"
    said = message.get("message") if isinstance(message, dict) else None
    return f"failed: {said}" if said else f"ended with exit code {code}"


def _close(folder: RunFolder, count: int, status: str, **reason: str) -> None:
    """Mend the status, if the writer could not, and say what is left and how to go on."""
    known = status_of(folder.path)
    if not known:
        return
    own = known.get("status") == "failed" and "another process" not in known.get("reason", "")
    if known.get("status") != "interrupted" and not own:
        with suppress(OSError):
            folder.set_status(status, **reason)
    epoch = last_epoch(folder)
    left = "no checkpoint yet" if epoch is None else f"checkpoints/last holds epoch {epoch}"
    print(f"{folder.path}: {left}; {folder.how_to_go_on} --nproc {count}", file=sys.stderr)


def last_epoch(folder: RunFolder) -> int | None:
    """How many epochs the newest checkpoint holds; None where none can be read."""
    try:
        state = torch.load(folder.checkpoints / "last" / STATE, weights_only=True, mmap=True)
        return int(state["epoch"])
    except Exception:  # a damaged or hostile one raises almost anything
        return None
