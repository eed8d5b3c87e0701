"""What a run saves while it goes on."""

from __future__ import annotations

import shutil
from typing import Any

import torch

from hdf.detector import Detector
from hdf.files import replacing
from hdf.model_file import save_model
from hdf.reporting.run_folder import RunFolder
from hdf.training.loop import Learner


def save_checkpoint(folder: RunFolder, detector: Detector, learner: Learner, epoch: int) -> None:
    """Write ``checkpoints/last``; the one that was there becomes ``checkpoints/previous``.

    The new checkpoint is written whole into a folder of its own before either name changes.

    Args:
        detector: what is evaluated; the learner's own, or the average of its weights.
        epoch: how many epochs are done.
    """
    fresh = folder.checkpoints / ".next"
    shutil.rmtree(fresh, ignore_errors=True)
    save_model(detector, fresh / "model.safetensors")
    with replacing(fresh / "state.pt") as temporary:
        torch.save(_state(learner, epoch), temporary)
    last, previous = folder.checkpoints / "last", folder.checkpoints / "previous"
    if last.exists():
        shutil.rmtree(previous, ignore_errors=True)
        last.rename(previous)
    fresh.rename(last)


def last_epoch(folder: RunFolder) -> int | None:
    """How many epochs the newest checkpoint holds; None where there is none."""
    try:
        state = torch.load(folder.checkpoints / "last" / "state.pt", weights_only=True, mmap=True)
        return int(state["epoch"])
    except Exception:  # a damaged or hostile one raises almost anything
        return None


def _state(learner: Learner, epoch: int) -> dict[str, Any]:
    averaged = learner.average is not None
    return {
        "epoch": epoch,
        "step": learner.step,
        **({"weights": learner.detector.state_dict()} if averaged else {}),
        "optimizer": learner.optimizer.state_dict(),
        "schedule": learner.schedule.state_dict(),
    }
