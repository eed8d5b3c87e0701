"""Checkpoints: proven before they count, known when they are damaged, whole at every moment."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from hdf.errors import UserError
from hdf.models import file as model_file
from hdf.training.checkpoint import store
from hdf.training.checkpoint.store import (
    DamagedError,
    examine,
    find_checkpoint,
    save_checkpoint,
    settle,
)

AGAIN = "to start again: hdf run RECIPE --out NEW_FOLDER"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where checkpoints lie, whose model is a text."""
    return tmp_path / "checkpoints"


def save(folder: Path, epoch: int) -> None:
    def write_model(path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"model {epoch}")

    save_checkpoint(folder, {"epoch": epoch}, write_model)


def found(folder: Path) -> int | None:
    checkpoint = find_checkpoint(folder, AGAIN)
    if checkpoint is None:
        return None
    state = torch.load(checkpoint.path / "state.pt", weights_only=True)
    assert (checkpoint.path / "model.safetensors").read_text() == f"model {state['epoch']}"
    return int(state["epoch"])


class Killed(BaseException):
    pass


@pytest.mark.parametrize("call", range(1, 12))
def test_there_is_a_whole_one_at_every_moment(
    folder: Path, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    """Renaming and removing ends at each call in turn."""
    for epoch in (1, 2, 3):
        save(folder, epoch)
    calls = 0

    def counted(original: Any) -> Any:
        def step(*arguments: Any, **named: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == call:
                raise Killed
            return original(*arguments, **named)

        return step

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", counted(Path.rename))
        patch.setattr(store.shutil, "rmtree", counted(store.shutil.rmtree))
        try:
            save(folder, 4)
        except Killed:
            assert found(folder) in (3, 4)
        else:
            assert call > calls
    checkpoint = find_checkpoint(folder, AGAIN)
    epoch = found(folder)
    settle(folder, checkpoint)
    assert found(folder) == epoch
    assert {path.name for path in folder.iterdir()} <= {"last", "previous"}
    save(folder, 5)
    assert found(folder) == 5


FILES = ("state.pt", "model.safetensors", "checksums.json")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("how", ["cut", "flipped", "deleted", "emptied"])
def test_a_damaged_one_gives_way_to_the_one_before(folder: Path, name: str, how: str) -> None:
    save(folder, 1)
    save(folder, 2)
    path = folder / "last" / name
    content = bytearray(path.read_bytes())
    if how == "deleted":
        path.unlink()
    elif how == "flipped":
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
    else:
        path.write_bytes(content[: len(content) // 2] if how == "cut" else b"")
    checkpoint = find_checkpoint(folder, AGAIN)
    assert checkpoint is not None
    assert checkpoint.path.name == "previous"
    [said] = checkpoint.damaged
    assert "last" in said and name in said
    settle(folder, checkpoint)
    assert found(folder) == 1
    save(folder, 2)
    assert found(folder) == 2


def test_two_damaged_ones_are_refused_by_name(folder: Path) -> None:
    save(folder, 1)
    save(folder, 2)
    for name in ("last", "previous"):
        (folder / name / "state.pt").write_bytes(b"nonsense")
    with pytest.raises(UserError, match="no checkpoint can be used") as caught:
        find_checkpoint(folder, AGAIN)
    text = str(caught.value)
    assert all(f"{name}: state.pt is damaged" in text for name in ("last", "previous"))
    assert "--out NEW_FOLDER" in text


def test_another_format_is_refused(folder: Path) -> None:
    save(folder, 1)
    path = folder / "last" / "checksums.json"
    about = json.loads(path.read_text())
    about["format"] = 2
    path.write_text(json.dumps(about))
    with pytest.raises(DamagedError):  # a bit may have flipped
        examine(path.parent)
    del about["whole"]
    path.write_text(json.dumps({**about, "whole": store.whole(about)}))
    with pytest.raises(UserError, match=r"written by hdf .* in format 2, not 1"):
        find_checkpoint(folder, AGAIN)


def test_what_reads_back_differently_takes_no_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(folder, 1)
    digests = iter(["a", "b", "c", "d"])
    monkeypatch.setattr(store, "digest", lambda path: next(digests))
    with pytest.raises(OSError, match="reads back differently"):
        save(folder, 2)
    monkeypatch.undo()
    assert found(folder) == 1
    assert [path.name for path in folder.iterdir()] == ["last"]


def test_a_full_disk_is_no_longer_hidden(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def save_file(*arguments: Any, **named: Any) -> None:
        text = 'IoError(Os { code: 28, kind: StorageFull, message: "No space left on device" })'
        raise model_file.SafetensorError(f"Error while serializing: {text}")

    monkeypatch.setattr(model_file, "save_file", save_file)
    detector = SimpleNamespace(state_dict=dict, spec=None)
    monkeypatch.setattr(model_file, "describe", lambda spec: "{}")
    with pytest.raises(OSError, match=os.strerror(errno.ENOSPC)) as caught:
        model_file.save_model(detector, tmp_path / "model.safetensors")  # type: ignore[arg-type]
    assert caught.value.errno == errno.ENOSPC
    assert caught.value.filename == str(tmp_path / "model.safetensors")
    assert not list(tmp_path.iterdir())
