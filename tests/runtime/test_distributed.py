"""Who does what among several processes."""

from __future__ import annotations

import os
import re
import signal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.distributed.elastic.multiprocessing.errors import ProcessFailure

from hdf import Detections, Sample, Target, UserError
from hdf.data.batches import Batches
from hdf.data.dataset import Dataset, _refuse_different, _sent
from hdf.data.split import Split
from hdf.data.store import Masks, Store, build_store
from hdf.evaluation.evaluate import Evaluator
from hdf.runtime import process_group as joining
from hdf.runtime.device import choose_compute, seed_step
from hdf.runtime.process_group import LOST, ProcessGroup, joined, world_of_environment
from hdf.runtime.world import ALONE, World
from hdf.training.launch import _first, _what
from tests.conftest import Hdf
from tests.threads import together

MASTER = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}
CPU = choose_compute("cpu", "float32")


@pytest.mark.parametrize(("count", "size"), [(0, 2), (1, 3), (7, 3), (32, 4), (5, 5)])
def test_shares_cover_all_once(count: int, size: int) -> None:
    shares = [World(rank, size).share(count) for rank in range(size)]
    covered = [position for share in shares for position in range(count)[share.rows]]
    assert covered == list(range(count))
    sizes = [share.images for share in shares]
    assert max(sizes) - min(sizes) <= 1
    assert sum(sizes) == count


def test_one_process_is_a_world_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK"):
        monkeypatch.delenv(name, raising=False)
    assert world_of_environment() == ALONE
    for name, value in {**MASTER, "RANK": "5", "WORLD_SIZE": "8", "LOCAL_RANK": "1"}.items():
        monkeypatch.setenv(name, value)
    assert world_of_environment() == ProcessGroup(5, 8, 1)
    module = nn.Linear(1, 1)
    assert ALONE.replicate(module) is module
    assert not torch.distributed.is_initialized()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"LOCAL_RANK": ""}, "WORLD_SIZE is 2, but LOCAL_RANK is not set; start .* torchrun"),
        ({"RANK": "", "LOCAL_RANK": ""}, "RANK, LOCAL_RANK are not set"),
        ({"MASTER_PORT": ""}, "MASTER_PORT is not set"),
        ({"RANK": "2"}, "RANK is no whole number below it"),
        ({"LOCAL_RANK": "first"}, "or LOCAL_RANK is none"),
    ],
)
def test_a_part_of_torchrun_s_environment_is_refused(
    hdf: Hdf, tiny_recipe: Path, tmp_path: Path, changes: dict[str, str], message: str
) -> None:
    whole = {**MASTER, "RANK": "0", "WORLD_SIZE": "2", "LOCAL_RANK": "0"}
    shown = hdf("run", tiny_recipe, "--out", "out", **{**whole, **changes})
    assert shown.returncode == 2
    assert re.search(message, shown.stderr)
    assert not (tmp_path / "out").exists()


def test_devices_of_several_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ProcessGroup(1, 2, 1).device("cpu") == "cpu"
    with pytest.raises(UserError, match="'cuda:0' is one device for 2 processes"):
        ProcessGroup(1, 2, 1).device("cuda:0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert [ProcessGroup(rank, 2, rank).device("auto") for rank in (0, 1)] == ["cuda:0", "cuda:1"]
    with pytest.raises(UserError, match="process 2 has no GPU: the machine has 2"):
        ProcessGroup(2, 3, 2).device("cuda")


def test_the_writer_goes_first() -> None:
    order: list[int] = []

    def enter(world: World) -> None:
        with world.writer_first():
            order.append(world.rank)

    together(3, enter)
    assert order[0] == 0
    assert sorted(order) == [0, 1, 2]


class Reader(nn.Module):
    """Answers with a box whose x0 is the first pixel; its loss is that pixel's mean."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[float] = []

    def forward(self, images: Tensor) -> Tensor:
        self.seen += (images[:, 0, 0, 0] * 255).tolist()
        return images[:, 0, 0, 0] * 255

    def loss(self, raw: Tensor, batch: Any) -> dict[str, Tensor]:
        return {"pixel": raw.mean()}

    def decode(self, raw: Tensor) -> list[Detections]:
        one = torch.ones(1)
        return [Detections(torch.tensor([[float(x), 0, 99, 99]]), 0 * one.long(), one) for x in raw]


def store(count: int = 11, first: int = 0) -> Store:
    def sample(number: int) -> Sample:
        box = Target(torch.tensor([[1.0 * number, 0, 99, 99]]), ("heart",))
        return Sample(str(number), lambda: torch.full((1, 100, 100), number / 255), box)

    samples = [sample(number) for number in range(first, first + count)]
    return build_store(samples, ("heart",), (100, 100))


@pytest.mark.parametrize(("index", "size"), [(range(11), 3), ([4, 2, 9], 2), ([7], 3)])
def test_each_image_is_answered_once(index: Any, size: int) -> None:
    images, constant = store(), torch.tensor([[0.0, 0, 50, 50]])

    def evaluate(world: World) -> tuple[Any, list[float]]:
        reader = Reader()
        evaluator = Evaluator(images, list(index), constant, 4, CPU, world)
        return evaluator.evaluate(reader), reader.seen  # type: ignore[arg-type]

    results = together(size, evaluate)
    seen = sorted(round(value) for _, values in results for value in values)
    assert seen == sorted(index)
    alone = Evaluator(images, list(index), constant, 4, CPU).evaluate(Reader())  # type: ignore[arg-type]
    for found, _ in results:
        assert torch.equal(found.matches.iou, alone.matches.iou)
        assert found.matches.iou.tolist() == [1.0] * len(index)
        assert found.loss == pytest.approx(alone.loss)


def test_parts_of_batches_are_those_of_the_whole() -> None:
    batches = Batches(store(), range(11), 4)
    assert batches.sizes == [4, 4, 3]
    whole = [batch.index.tolist() for batch in batches.shuffled(3, 1)]

    def part(world: World) -> list[list[int]]:
        dealt = batches.shuffled(3, 1, lambda count: world.share(count).rows)
        return [batch.index.tolist() for batch in dealt]

    parts = [part(World(rank, 2)) for rank in (0, 1)]
    assert [first + second for first, second in zip(*parts, strict=True)] == whole


def test_images_in_memory_are_sent() -> None:
    read = store()
    packed = torch.arange(5, dtype=torch.uint8).view(5, 1, 1, 1)
    masks = Masks(torch.arange(11)[:, None] % 5, packed)
    read = Store(read.samples, read.images, read.targets, read.originals, read.geometry,
                 read.labels, masks)  # fmt: skip
    dataset = Dataset(read, Split([0, 1], [2], []))
    found = together(2, lambda world: _sent(dataset if world.is_writer else None, world))
    assert found[0] is dataset
    other = found[1].store
    assert other.digest() == read.digest()
    assert [item.id for item in other.samples] == [item.id for item in read.samples]
    assert found[1].split == dataset.split
    with pytest.raises(RuntimeError, match="only the process that writes"):
        other.samples[0].read()


def test_different_data_are_refused_by_the_writer() -> None:
    def compare(world: World) -> str:
        try:
            _refuse_different(store(first=world.rank), world)
        except UserError as error:
            return str(error)
        return ""

    told, silent = together(2, compare)
    assert "process 1 finds other images or boxes than process 0" in told
    assert silent == ""


def test_dropout_differs_between_processes_and_not_in_the_first() -> None:
    drawn = []
    for rank in (None, 0, 1, 2):
        seed_step(1, 2, 3, *([] if rank is None else [rank]))
        drawn.append(torch.rand(3))
    assert torch.equal(drawn[0], drawn[1])
    assert not any(torch.equal(a, b) for a, b in pairwise(drawn[1:]))


def failure(exitcode: int, seconds: int = 0) -> ProcessFailure:
    found = ProcessFailure(0, 1, exitcode, "")
    found.timestamp = seconds
    return found


def test_the_first_to_fail_by_itself_is_named() -> None:
    lost, ended = failure(LOST, 1), failure(-signal.SIGTERM, 2)
    killed, wrong = failure(-signal.SIGKILL, 9), failure(1, 8)
    assert _first({0: lost, 1: ended, 2: killed})[0] == 2
    assert _first({0: killed, 1: wrong, 2: lost})[0] == 1
    assert _first({0: ended, 1: lost})[0] == 1
    assert _what(killed) == "was killed by SIGKILL, as happens where memory runs out"
    assert _what(failure(-signal.SIGSEGV)) == "was killed by SIGSEGV"


def test_a_lost_process_is_told_from_other_errors() -> None:
    group = ProcessGroup(0, 2)
    assert group.has_lost(RuntimeError("[/x/gloo/tcp/pair.cc:5] Connection closed by peer"))
    assert not group.has_lost(RuntimeError("shapes differ"))
    assert not group.has_lost(UserError("gloo"))


@pytest.mark.parametrize(("rank", "left"), [("0", []), ("1", [0])])
def test_all_but_the_writer_leave_without_the_interpreter_s_end(
    monkeypatch: pytest.MonkeyPatch, rank: str, left: list[int]
) -> None:
    for name, value in {**MASTER, "RANK": rank, "WORLD_SIZE": "2", "LOCAL_RANK": rank}.items():
        monkeypatch.setenv(name, value)
    for name in ("init_process_group", "destroy_process_group"):
        monkeypatch.setattr(dist, name, lambda *arguments, **options: None)
    monkeypatch.setattr(joining, "_end_with_launcher", lambda launcher: None)
    codes: list[int] = []
    monkeypatch.setattr(os, "_exit", codes.append)
    with joined(lambda error: None):
        pass
    assert codes == left
